/** A disk whose writes fail from some moment on. */

import { type Disk, DiskError, type DiskFile } from '../../src/base/ports.ts'

export function failingDisk(disk: Disk, hasFailed: (path: string) => boolean): Disk {
  return { ...disk, open: (path, mode) => failing(disk.open(path, mode), hasFailed) }
}

function failing(file: DiskFile, hasFailed: (path: string) => boolean): DiskFile {
  return {
    path: file.path,
    size: () => file.size(),
    write: (chunks, position) => {
      if (hasFailed(file.path)) throw new DiskError('IO', file.path, 'the disk has failed')
      file.write(chunks, position)
    },
    read: (target, position) => file.read(target, position),
    readAsync: (target, position) => file.readAsync(target, position),
    truncate: (bytes) => file.truncate(bytes),
    sync: () => file.sync(),
    syncAsync: () => file.syncAsync(),
    setModifiedMs: (wallMs) => file.setModifiedMs(wallMs),
    close: () => file.close(),
  }
}
