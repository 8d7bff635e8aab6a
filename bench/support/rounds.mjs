/** Limits for a part of a suite. */
export function part(limits, share, fewest = 3) {
  return { ...limits, seconds: limits.seconds * share, fewest };
}

/**
 * Takes the cases one after the other, again and again, until the time is up: forwards and backwards in turn, so that a steady drift
 * of the machine cancels out. A case that fails is left out from then on, and what it said is kept: the others are measured
 * all the same.
 *
 * @param {string[]} cases
 * @param {(name: string, index: number) => Promise<Record<string, object>>} measure gives one or more rows of a table
 * @returns {Promise<{ rounds: Record<string, object>[], missing: Record<string, string> }>}
 */
export async function runRounds({ seconds, fewest = 3, isTry = false, say }, cases, measure) {
  const start = performance.now();
  const rounds = [];
  const missing = {};
  let longest = 0;
  const isDue = () => rounds.length < fewest || performance.now() - start + longest < seconds * 1000;
  while (isTry ? rounds.length === 0 : isDue()) {
    const began = performance.now();
    const round = {};
    for (const name of rounds.length % 2 === 0 ? cases : cases.toReversed()) {
      if (name in missing) {
        continue;
      }
      try {
        for (const [row, figures] of Object.entries(await measure(name, rounds.length))) {
          // Several cases may tell of one row, such as a control that each of them brings.
          round[row] = row in round ? [round[row], figures].flat() : figures;
        }
      } catch (error) {
        missing[name] = error.message;
        say(`${name}: ${error.message}`);
      }
    }
    if (Object.keys(round).length === 0) {
      break;
    }
    rounds.push(round);
    longest = Math.max(longest, performance.now() - began);
    say(
      `round ${rounds.length}, ${Math.round((performance.now() - start) / 1000)} of ${Math.round(seconds)} s`,
    );
  }
  return { rounds, missing };
}
