const CLEAR_LINE = process.stdout.isTTY ? '\r\x1b[2K' : '';

/** Shows a step that takes a while: one line that is kept up to date on a terminal, one line a step elsewhere. */
export async function step(title, work) {
  const stop = process.stdout.isTTY ? tick(title) : announce(title);
  try {
    return await work();
  } finally {
    stop();
  }
}

function tick(title) {
  const start = performance.now();
  const draw = () => {
    process.stdout.write(`${CLEAR_LINE}${title} … ${Math.round((performance.now() - start) / 1000)} s`);
  };
  draw();
  const timer = setInterval(draw, 250);
  return () => {
    clearInterval(timer);
    process.stdout.write(CLEAR_LINE);
  };
}

function announce(title) {
  console.log(`${title} …`);
  return () => {};
}

/** Prints a line even while a step is running. */
export function printLine(line) {
  console.log(`${CLEAR_LINE}${line}`);
}
