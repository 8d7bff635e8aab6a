import { answers } from './answers.mjs';
import { capture } from './capture.mjs';
import { closing } from './closing.mjs';
import { growth } from './growth.mjs';
import { heap } from './heap.mjs';
import { hostile } from './hostile.mjs';
import { idle } from './idle.mjs';
import { labels } from './labels.mjs';
import { moments } from './moments.mjs';
import { recorder } from './recorder.mjs';

/** In the order of the page. */
export const SUITES = [idle, capture, answers, heap, growth, labels, recorder, hostile, moments, closing];
