/**
 * Kafka's uuids (topic ids, directory ids): 16 bytes on the wire, URL-safe base64 without padding
 * (22 characters) everywhere else.
 */

/** Stands for "none". */
export const ZERO_UUID = 'AAAAAAAAAAAAAAAAAAAAAA'

const UUID_BYTES = 16

export function uuidToBytes(uuid: string): Buffer {
  return Buffer.from(uuid, 'base64url')
}

export function uuidFromBytes(bytes: Buffer): string {
  return bytes.toString('base64url')
}

/**
 * Version 4, never one of Kafka's reserved ids, and no leading dash, which would look like a flag.
 */
export function randomUuid(randomBytes: (length: number) => Buffer): string {
  for (;;) {
    const bytes = randomBytes(UUID_BYTES)
    bytes[6] = (bytes[6]! & 0x0f) | 0x40
    bytes[8] = (bytes[8]! & 0x3f) | 0x80
    const uuid = uuidFromBytes(bytes)
    if (!uuid.startsWith('-')) return uuid
  }
}
