/** Something around this script went wrong, not the script: it is shown as a message without a stack. */
export class Failure extends Error {}
