/** How many rounds were asked for, and how long all of them may take. */
export async function runRounds({ rounds, budget }, round) {
  const start = performance.now();
  const results = [];
  let longest = 0;
  for (let index = 0; index < rounds; index++) {
    const roundStart = performance.now();
    results.push(await round(index));
    longest = Math.max(longest, performance.now() - roundStart);
    process.stderr.write(`round ${index + 1} of ${rounds}, ${seconds(performance.now() - start)} s\n`);
    if (index + 1 < rounds && performance.now() - start + longest > budget * 1000) {
      process.stderr.write(
        `Another round would take longer than ${budget} s in all (--budget): that is it.\n`,
      );
      break;
    }
  }
  return results;
}

/** Twice each, in an order that a steady drift of the machine cancels out of; the next round begins with the other. */
export function abba(index, a, b) {
  return index % 2 === 0 ? [a, b, b, a] : [b, a, a, b];
}

function seconds(milliseconds) {
  return Math.round(milliseconds / 1000);
}
