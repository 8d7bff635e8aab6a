import { startLiveFigures } from './live.figures.js';
import { startCaptures } from './page.captures.js';
import { ask, byId, messageFor } from './page.elements.js';

// The script of the index page. All that matters is there without it; it keeps the figures moving, and takes captures.

function startStacks(): void {
  const button = byId<HTMLButtonElement>('refresh-stacks');
  button.hidden = false;
  button.addEventListener('click', async () => {
    button.disabled = true;
    const box = byId('stacks');
    box.hidden = false;
    try {
      box.textContent = await (await ask('goroutine?debug=2')).text();
    } catch (error) {
      box.textContent = messageFor(error);
    }
    button.disabled = false;
    box.focus();
  });
}

startLiveFigures();
startCaptures();
if (document.querySelector('#refresh-stacks')) {
  startStacks();
}
