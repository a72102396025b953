/**
 * Makes a screenshot small: at most 256 colours, of which rare shades at the edges of letters take the
 * nearest, and no filter, because flat areas pack best without one.
 */
import zlib from 'node:zlib'

const SIGNATURE_BYTES = 8
/** Of red, green and blue at 8 bits: what a browser writes. */
const PIXEL_BYTES = 3
const RGB = 2
const PALETTE = 3
const COLOURS_MAX = 256

export function repacked(png: Buffer): Buffer {
  const header = Buffer.from(png.subarray(SIGNATURE_BYTES + 8, SIGNATURE_BYTES + 8 + 13))
  if (header[8] !== 8 || header[9] !== RGB || header[12] !== 0) return png
  const width = header.readUInt32BE(0)
  const rows = zlib.inflateSync(Buffer.concat(imageDataOf(png)))
  unfilter(rows, width * PIXEL_BYTES)
  const { palette, indexes } = reduced(rows, width)
  header[9] = PALETTE
  return Buffer.concat([
    png.subarray(0, SIGNATURE_BYTES),
    chunk('IHDR', header),
    chunk('PLTE', palette),
    chunk('IDAT', zlib.deflateSync(indexes, { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function reduced(rows: Buffer, width: number): { palette: Buffer; indexes: Buffer } {
  const rowBytes = width * PIXEL_BYTES + 1
  const height = rows.length / rowBytes
  const colourAt = (x: number, y: number): number =>
    rows.readUIntBE(y * rowBytes + 1 + x * PIXEL_BYTES, PIXEL_BYTES)
  const counts = new Map<number, number>()
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const colour = colourAt(x, y)
      counts.set(colour, (counts.get(colour) ?? 0) + 1)
    }
  }
  const byCount = [...counts].sort(([, a], [, b]) => b - a).map(([colour]) => colour)
  const kept = byCount.slice(0, COLOURS_MAX)
  const places = new Map(byCount.map((colour) => [colour, nearest(kept, colour)]))
  const indexes = Buffer.alloc(height * (width + 1))
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      indexes[y * (width + 1) + 1 + x] = places.get(colourAt(x, y))!
    }
  }
  const palette = Buffer.alloc(kept.length * PIXEL_BYTES)
  for (const [at, colour] of kept.entries()) {
    palette.writeUIntBE(colour, at * PIXEL_BYTES, PIXEL_BYTES)
  }
  return { palette, indexes }
}

function nearest(kept: readonly number[], colour: number): number {
  const distance = (other: number): number =>
    [16, 8, 0].reduce(
      (sum, bits) => sum + (((other >> bits) & 255) - ((colour >> bits) & 255)) ** 2,
      0,
    )
  let best = 0
  let bestDistance = Number.POSITIVE_INFINITY
  kept.forEach((other, at) => {
    const between = distance(other)
    if (between < bestDistance) [best, bestDistance] = [at, between]
  })
  return best
}

function imageDataOf(png: Buffer): Buffer[] {
  const parts: Buffer[] = []
  for (let at = SIGNATURE_BYTES; at < png.length; ) {
    const bytes = png.readUInt32BE(at)
    const type = png.toString('latin1', at + 4, at + 8)
    if (type === 'IDAT') parts.push(png.subarray(at + 8, at + 8 + bytes))
    at += 12 + bytes
  }
  return parts
}

/** In place; every row then says that it has no filter. */
function unfilter(rows: Buffer, rowBytes: number): void {
  for (let row = 0; row < rows.length; row += rowBytes + 1) {
    const filter = rows[row]!
    rows[row] = 0
    for (let i = 1; i <= rowBytes; i++) {
      const left = i > PIXEL_BYTES ? rows[row + i - PIXEL_BYTES]! : 0
      const up = row > 0 ? rows[row + i - rowBytes - 1]! : 0
      const corner = row > 0 && i > PIXEL_BYTES ? rows[row + i - rowBytes - 1 - PIXEL_BYTES]! : 0
      rows[row + i] = rows[row + i]! + predicted(filter, left, up, corner)
    }
  }
}

function predicted(filter: number, left: number, up: number, corner: number): number {
  switch (filter) {
    case 1:
      return left
    case 2:
      return up
    case 3:
      return (left + up) >> 1
    case 4: {
      const [a, b, c] = [
        Math.abs(up - corner),
        Math.abs(left - corner),
        Math.abs(left + up - 2 * corner),
      ]
      return a <= b && a <= c ? left : b <= c ? up : corner
    }
    default:
      return 0
  }
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const frame = Buffer.alloc(8)
  frame.writeUInt32BE(data.length, 0)
  frame.writeUInt32BE(zlib.crc32(body), 4)
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)])
}
