/** The Java exception that stands for an error code: Kafka's tools name it in their messages. */

import { CallTimeoutError, ConnectionError, KafkaError } from '../client/kafka-error.ts'
import { type ErrorName, errorName } from '../protocol/error-codes.ts'

const PACKAGE = 'org.apache.kafka.common.errors'

/** Those whose name does not follow from the name of the code. */
const IRREGULAR: Partial<Record<ErrorName, string>> = {
  UNKNOWN_SERVER_ERROR: 'UnknownServerException',
  CORRUPT_MESSAGE: 'CorruptRecordException',
  REQUEST_TIMED_OUT: 'TimeoutException',
  MESSAGE_TOO_LARGE: 'RecordTooLargeException',
  STALE_CONTROLLER_EPOCH: 'ControllerMovedException',
  OFFSET_METADATA_TOO_LARGE: 'OffsetMetadataTooLarge',
  RECORD_LIST_TOO_LARGE: 'RecordBatchTooLargeException',
  TOPIC_AUTHORIZATION_FAILED: 'TopicAuthorizationException',
  GROUP_AUTHORIZATION_FAILED: 'GroupAuthorizationException',
  CLUSTER_AUTHORIZATION_FAILED: 'ClusterAuthorizationException',
  TOPIC_ALREADY_EXISTS: 'TopicExistsException',
  INVALID_CONFIG: 'InvalidConfigurationException',
  OUT_OF_ORDER_SEQUENCE_NUMBER: 'OutOfOrderSequenceException',
  DUPLICATE_SEQUENCE_NUMBER: 'DuplicateSequenceException',
  INVALID_PRODUCER_ID_MAPPING: 'InvalidPidMappingException',
  INVALID_TRANSACTION_TIMEOUT: 'InvalidTxnTimeoutException',
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: 'TransactionalIdAuthorizationException',
  KAFKA_STORAGE_ERROR: 'KafkaStorageException',
  SASL_AUTHENTICATION_FAILED: 'SaslAuthenticationException',
  DELEGATION_TOKEN_AUTH_DISABLED: 'DelegationTokenDisabledException',
  DELEGATION_TOKEN_REQUEST_NOT_ALLOWED: 'UnsupportedByAuthenticationException',
  DELEGATION_TOKEN_AUTHORIZATION_FAILED: 'DelegationTokenAuthorizationException',
  NON_EMPTY_GROUP: 'GroupNotEmptyException',
  PRINCIPAL_DESERIALIZATION_FAILURE: 'PrincipalDeserializationException',
  FETCH_SESSION_TOPIC_ID_ERROR: 'FetchSessionTopicIdException',
}

/** `class: message`, as Java shows an exception. */
export function exceptionText(error: unknown): string {
  if (error instanceof KafkaError) return `${exceptionClass(error.code)}: ${error.message}`
  if (error instanceof ConnectionError) return `${PACKAGE}.DisconnectException`
  if (error instanceof CallTimeoutError) return `${PACKAGE}.TimeoutException: ${error.message}`
  return error instanceof Error ? error.message : String(error)
}

export function exceptionClass(code: number): string {
  const name = errorName(code)
  if (name === 'INVALID_RECORD') return 'org.apache.kafka.common.InvalidRecordException'
  const regular = name.toLowerCase().replace(/(?:^|_)(\w)/g, (_, letter) => letter.toUpperCase())
  const className = IRREGULAR[name] ?? regular.replace(/(?<!Exception)$/, 'Exception')
  return `${PACKAGE}.${className}`
}
