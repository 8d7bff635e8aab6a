/** What ends the command, with the exit code that says what kind of end it is. @internal */
export abstract class CliError extends Error {
  abstract readonly exitCode: number;
}

/** The command line cannot be understood, or does not say what is to be asked. @internal */
export class UsageError extends CliError {
  readonly exitCode = 2;
}

/** The service has answered, and it was no profile. @internal */
export class AnswerError extends CliError {
  readonly exitCode = 1;

  constructor(
    private readonly status: number,
    message: string,
  ) {
    super(message);
  }

  /** Whether the same may be answered otherwise a little later. */
  get mayPass(): boolean {
    return this.status >= 500 || this.status === 409 || this.status === 429;
  }
}

/** Nobody answers there, or no profiler. @internal */
export class UnreachableError extends CliError {
  readonly exitCode = 3;
}

/** The service wants credentials, or other ones than these. @internal */
export class CredentialsError extends CliError {
  readonly exitCode = 4;
}

/** The user has ended it. @internal */
export class InterruptedError extends CliError {
  /** As shells have it for SIGINT. */
  readonly exitCode = 130;
}
