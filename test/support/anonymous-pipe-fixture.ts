import { waitUntil } from "./clock-fake.js";

const STARTF_USESTDHANDLES = 0x100;
const CREATE_NO_WINDOW = 0x08000000;
const HANDLE_FLAG_INHERIT = 1;
const WAIT_OBJECT_0 = 0;
const DEADLINE_MS = 15_000;
/** Windows' default for CreatePipe, 4 KB. */
const DEFAULT_PIPE_BYTES = 0;

/** Wine returns from a call with more than fits into the pipe before anybody has read it. */
const WRITE_BYTES = 2_048;

type Handle = number;
type Out = [number];

interface Startup {
  readonly cb: number;
  readonly flags: number;
  readonly stdin: Handle;
  readonly stdout: Handle;
  readonly stderr: Handle;
}

interface Started {
  process?: Handle;
  thread?: Handle;
  pid?: number;
}

type Transfer = (handle: Handle, data: Buffer, size: number, done: Out, overlapped: null) => number;

interface Kernel32 {
  readonly startupSize: number;
  readonly createPipe: (read: Out, write: Out, security: object, size: number) => number;
  readonly setHandleInformation: (handle: Handle, mask: number, flags: number) => number;
  readonly createProcess: (
    application: null,
    command: string,
    processSecurity: null,
    threadSecurity: null,
    inheritHandles: number,
    flags: number,
    environment: null,
    folder: null,
    startup: Startup,
    started: Started,
  ) => number;
  readonly writeFile: (handle: Handle, data: Buffer) => Promise<number>;
  readonly readFile: Transfer;
  readonly peekNamedPipe: (
    handle: Handle,
    data: null,
    size: number,
    read: null,
    available: Out,
    left: null,
  ) => number;
  readonly waitForSingleObject: (handle: Handle, ms: number) => number;
  readonly getExitCodeProcess: (process: Handle, code: Out) => number;
  readonly terminateProcess: (process: Handle, code: number) => number;
  readonly closeHandle: (handle: Handle) => number;
  readonly lastError: () => number;
}

let kernel32: Promise<Kernel32> | undefined;

async function loadKernel32(): Promise<Kernel32> {
  const { default: koffi } = await import("koffi");
  const library = koffi.load("kernel32.dll");
  koffi.struct("SECURITY_ATTRIBUTES", { size: "uint32", descriptor: "void *", inherit: "int" });
  const startup = koffi.struct("STARTUPINFOW", {
    ...{ cb: "uint32", reserved: "void *", desktop: "void *", title: "void *" },
    ...{ x: "uint32", y: "uint32", width: "uint32", height: "uint32" },
    ...{ columns: "uint32", rows: "uint32", fill: "uint32", flags: "uint32" },
    ...{ show: "uint16", reserved2Size: "uint16", reserved2: "void *" },
    ...{ stdin: "intptr", stdout: "intptr", stderr: "intptr" },
  });
  koffi.struct("PROCESS_INFORMATION", {
    ...{ process: "intptr", thread: "intptr", pid: "uint32", threadId: "uint32" },
  });
  const define = (prototype: string) => library.func(prototype);
  const writeFile = library.func(
    "int __stdcall WriteFile(intptr handle, void *data, uint32 size, _Out_ uint32 *done, void *overlapped)",
  );
  return {
    startupSize: koffi.sizeof(startup),
    createPipe: define(
      "int __stdcall CreatePipe(_Out_ intptr *read, _Out_ intptr *write, SECURITY_ATTRIBUTES *security, uint32 size)",
    ),
    setHandleInformation: define(
      "int __stdcall SetHandleInformation(intptr handle, uint32 mask, uint32 flags)",
    ),
    createProcess: define(
      "int __stdcall CreateProcessW(str16 application, str16 command, void *processSecurity, void *threadSecurity, int inherit, uint32 flags, void *environment, str16 folder, STARTUPINFOW *startup, _Out_ PROCESS_INFORMATION *started)",
    ),
    // In a thread, because it returns only when the child has read enough.
    writeFile: (handle, data) =>
      new Promise((resolve, reject) => {
        writeFile.async(
          handle,
          data,
          data.length,
          [0],
          null,
          (error: Error | null, result: number) =>
            error === null ? resolve(result) : reject(error),
        );
      }),
    readFile: define(
      "int __stdcall ReadFile(intptr handle, void *data, uint32 size, _Out_ uint32 *done, void *overlapped)",
    ),
    peekNamedPipe: define(
      "int __stdcall PeekNamedPipe(intptr handle, void *data, uint32 size, void *read, _Out_ uint32 *available, void *left)",
    ),
    waitForSingleObject: define(
      "uint32 __stdcall WaitForSingleObject(intptr handle, uint32 milliseconds)",
    ),
    getExitCodeProcess: define(
      "int __stdcall GetExitCodeProcess(intptr process, _Out_ uint32 *code)",
    ),
    terminateProcess: define("int __stdcall TerminateProcess(intptr process, uint32 code)"),
    closeHandle: define("int __stdcall CloseHandle(intptr handle)"),
    lastError: define("uint32 __stdcall GetLastError()"),
  };
}

/** An end of a pipe that this process has. */
class PipeEnd {
  readonly #kernel: Kernel32;
  readonly #handle: Handle;
  readonly #chunks: Buffer[] = [];
  #isOpen = true;

  constructor(kernel: Kernel32, handle: Handle) {
    this.#kernel = kernel;
    this.#handle = handle;
  }

  /** Everything that has been read from the pipe, and is in it now. Does not wait. */
  read(): Buffer {
    for (let size = this.#available(); size > 0; size = this.#available()) {
      const chunk = Buffer.alloc(size);
      const done: Out = [0];
      if (this.#kernel.readFile(this.#handle, chunk, size, done, null) === 0) break;
      this.#chunks.push(chunk.subarray(0, done[0]));
    }
    return Buffer.concat(this.#chunks);
  }

  #available(): number {
    const available: Out = [0];
    if (!this.#isOpen) return 0;
    const { peekNamedPipe } = this.#kernel;
    return peekNamedPipe(this.#handle, null, 0, null, available, null) === 0 ? 0 : available[0];
  }

  /** Resolves when the child has read all but what fits into the pipe. */
  async write(data: Buffer): Promise<void> {
    const isLate = Symbol();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => (timer = setTimeout(resolve, DEADLINE_MS, isLate)));
    try {
      for (let at = 0; at < data.length; at += WRITE_BYTES) {
        const chunk = data.subarray(at, at + WRITE_BYTES);
        const written = await Promise.race([this.#kernel.writeFile(this.#handle, chunk), late]);
        if (written === isLate) throw new Error(`stdin was not read within ${DEADLINE_MS} ms.`);
        if (written === 0) throw new Error("The process has closed its stdin.");
      }
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    if (this.#isOpen) this.#kernel.closeHandle(this.#handle);
    this.#isOpen = false;
  }
}

/**
 * A process with three anonymous pipes. Reads of stdout and stderr happen only when a test asks for
 * them. See `launchWithAnonymousPipes`.
 */
export class AnonymousPipeProcess {
  readonly stdin: PipeEnd;
  readonly stdout: PipeEnd;
  readonly stderr: PipeEnd;
  readonly #kernel: Kernel32;
  readonly #process: Handle;
  #isReleased = false;

  constructor(
    kernel: Kernel32,
    process: Handle,
    pipes: readonly [stdin: PipeEnd, stdout: PipeEnd, stderr: PipeEnd],
  ) {
    this.#kernel = kernel;
    this.#process = process;
    [this.stdin, this.stdout, this.stderr] = pipes;
  }

  get #hasEnded(): boolean {
    return this.#kernel.waitForSingleObject(this.#process, 0) === WAIT_OBJECT_0;
  }

  /** Resolves with the exit code. */
  async exited(): Promise<number> {
    await waitUntil(
      () => this.#hasEnded,
      DEADLINE_MS,
      () => "the end of the process",
    );
    const code: Out = [0];
    this.#kernel.getExitCodeProcess(this.#process, code);
    return code[0];
  }

  /** Ends the process if it runs, and closes all handles. */
  async release(): Promise<void> {
    if (this.#isReleased) return;
    this.#isReleased = true;
    if (!this.#hasEnded) this.#kernel.terminateProcess(this.#process, 1);
    await this.exited();
    for (const pipe of [this.stdin, this.stdout, this.stderr]) pipe.close();
    this.#kernel.closeHandle(this.#process);
  }
}

/**
 * Starts a program as the Process class of .NET does: with the pipes of CreatePipe, which are
 * anonymous and synchronous on both sides, and nothing in lpReserved2, in which Node.js tells its
 * child processes more about their pipes. `command`: the program's path and its arguments, without
 * quotation marks.
 * @throws Error with the system's error number if Windows does not start it
 */
export async function launchWithAnonymousPipes(
  command: readonly string[],
): Promise<AnonymousPipeProcess> {
  kernel32 ??= loadKernel32();
  const kernel = await kernel32;
  const [stdin, stdout, stderr] = [
    createPipe(kernel, "child reads"),
    createPipe(kernel, "child writes"),
    createPipe(kernel, "child writes"),
  ];
  const started: Started = {};
  const isStarted = kernel.createProcess(
    ...([null, command.map((part) => `"${part}"`).join(" "), null, null, 1] as const),
    ...([CREATE_NO_WINDOW, null, null] as const),
    {
      cb: kernel.startupSize,
      flags: STARTF_USESTDHANDLES,
      ...{ stdin: stdin.childEnd, stdout: stdout.childEnd, stderr: stderr.childEnd },
    },
    started,
  );
  const error = kernel.lastError();
  for (const { childEnd } of [stdin, stdout, stderr]) kernel.closeHandle(childEnd);
  if (isStarted === 0) throw new Error(`CreateProcessW ${command[0]}: error ${error}`);
  kernel.closeHandle(started.thread!);
  return new AnonymousPipeProcess(kernel, started.process!, [stdin.end, stdout.end, stderr.end]);
}

function createPipe(
  kernel: Kernel32,
  direction: "child reads" | "child writes",
): { end: PipeEnd; childEnd: Handle } {
  const [read, write]: [Out, Out] = [[0], [0]];
  const security = { size: 24, descriptor: null, inherit: 1 };
  if (kernel.createPipe(read, write, security, DEFAULT_PIPE_BYTES) === 0)
    throw new Error(`CreatePipe: error ${kernel.lastError()}`);
  const [end, childEnd] = direction === "child reads" ? [write[0], read[0]] : [read[0], write[0]];
  // Only the other end is the child's: it would hold this one open.
  kernel.setHandleInformation(end, HANDLE_FLAG_INHERIT, 0);
  return { end: new PipeEnd(kernel, end), childEnd };
}
