/**
 * DescribeConfigs, v0-4. Resource types: 2 topic, 4 broker, 8 broker logger. Version 0 tells only
 * whether a value is the default, later ones where it comes from and its synonyms.
 */

import {
  api,
  array,
  bool,
  int8,
  int16,
  int32,
  nullableArray,
  nullableString,
  string,
} from '../types.ts'

export const describeConfigs = api({
  key: 32,
  name: 'DescribeConfigs',
  versions: '0-4',
  flexible: '4+',
  request: {
    resources: array({
      resourceType: int8(),
      resourceName: string(),
      configurationKeys: nullableArray(string()),
    }),
    includeSynonyms: bool('1+'),
    includeDocumentation: bool('3+'),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    results: array({
      errorCode: int16(),
      errorMessage: nullableString(),
      resourceType: int8(),
      resourceName: string(),
      configs: array({
        name: string(),
        value: nullableString(),
        readOnly: bool(),
        isDefault: bool('0'),
        configSource: int8('1+', { default: -1 }),
        isSensitive: bool(),
        synonyms: array({ name: string(), value: nullableString(), source: int8() }, '1+'),
        configType: int8('3+'),
        documentation: nullableString('3+'),
      }),
    }),
  },
})
