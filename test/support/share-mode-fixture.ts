/**
 * What others may do with a held file, as in the share mode of CreateFileW. `none` is what a backup
 * program or an antivirus scanner asks for, `read` an editor that saves, `readWrite` most programs
 * (a rename, a replacement or a deletion fails), `all` a program that disturbs nobody (except that
 * before Windows 10 1607, and in Wine, an open file cannot be replaced either way).
 */
export type ShareMode = "none" | "read" | "readWrite" | "all";

export interface HoldOptions {
  readonly share: ShareMode;
  /** What the holder itself opens the file for. Default: `read`. */
  readonly access?: "read" | "readWrite";
  /** Also locks the whole file against reads and writes of others, as Access or Excel do. */
  readonly locked?: boolean;
}

const GENERIC_READ = 0x80000000;
const GENERIC_WRITE = 0x40000000;
const OPEN_EXISTING = 3;
const FILE_ATTRIBUTE_NORMAL = 0x80;
const FILE_FLAG_BACKUP_SEMANTICS = 0x02000000;
const INVALID_HANDLE = -1;
const SHARE_FLAGS: Readonly<Record<ShareMode, number>> = { none: 0, read: 1, readWrite: 3, all: 7 };

interface Kernel32 {
  readonly createFile: (
    path: string,
    access: number,
    share: number,
    security: null,
    disposition: number,
    flags: number,
    template: number,
  ) => number;
  readonly lockFile: (
    handle: number,
    offset: number,
    offsetHigh: number,
    size: number,
    sizeHigh: number,
  ) => boolean;
  readonly closeHandle: (handle: number) => boolean;
  readonly lastError: () => number;
}

let kernel32: Promise<Kernel32> | undefined;

async function loadKernel32(): Promise<Kernel32> {
  const { default: koffi } = await import("koffi");
  const library = koffi.load("kernel32.dll");
  return {
    createFile: library.func(
      "intptr __stdcall CreateFileW(str16 path, uint32 access, uint32 share, void *security, uint32 disposition, uint32 flags, intptr template)",
    ) as Kernel32["createFile"],
    lockFile: library.func(
      "bool __stdcall LockFile(intptr handle, uint32 offset, uint32 offsetHigh, uint32 size, uint32 sizeHigh)",
    ) as Kernel32["lockFile"],
    closeHandle: library.func(
      "bool __stdcall CloseHandle(intptr handle)",
    ) as Kernel32["closeHandle"],
    lastError: library.func("uint32 __stdcall GetLastError()") as Kernel32["lastError"],
  };
}

/**
 * Opens an existing file or folder with a share mode, as another program would, and keeps it open
 * until the returned function is called. Windows applies share modes to each handle, so that this
 * process may hold the file against its own later opens as well as against those of others.
 * @throws Error with the system's error number if the file cannot be opened this way
 */
export async function holdFile(
  path: string,
  { share, access = "read", locked = false }: HoldOptions,
): Promise<() => void> {
  kernel32 ??= loadKernel32();
  const { createFile, lockFile, closeHandle, lastError } = await kernel32;
  const handle = createFile(
    path,
    access === "read" ? GENERIC_READ : GENERIC_READ + GENERIC_WRITE,
    SHARE_FLAGS[share],
    null,
    OPEN_EXISTING,
    FILE_ATTRIBUTE_NORMAL | FILE_FLAG_BACKUP_SEMANTICS,
    0,
  );
  if (handle === INVALID_HANDLE) throw new Error(`CreateFileW ${path}: error ${lastError()}`);
  if (locked && !lockFile(handle, 0, 0, 0x7fffffff, 0)) {
    const error = lastError();
    closeHandle(handle);
    throw new Error(`LockFile ${path}: error ${error}`);
  }
  let isHeld = true;
  return () => {
    if (isHeld) closeHandle(handle);
    isHeld = false;
  };
}
