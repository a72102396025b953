/** DeleteTopics, v0-6: by name; by name or id from version 6 on. */

import { api, array, int16, int32, nullableString, string, uuid } from '../types.ts'

export const deleteTopics = api({
  key: 20,
  name: 'DeleteTopics',
  versions: '0-6',
  flexible: '4+',
  request: {
    topics: array({ name: nullableString(), topicId: uuid() }, '6+'),
    topicNames: array(string(), '0-5'),
    timeoutMs: int32(),
  },
  response: {
    throttleTimeMs: int32('1+'),
    responses: array({
      name: nullableString('0+', { nullable: '6+' }),
      topicId: uuid('6+'),
      errorCode: int16(),
      errorMessage: nullableString('5+'),
    }),
  },
})
