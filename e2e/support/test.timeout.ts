import { jest } from '@jest/globals';
import { patience } from './patience.js';

// Runs before each end-to-end test file.
jest.setTimeout(patience(120_000));
