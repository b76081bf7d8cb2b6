import t from 'tap'
import { compareInEveryMode } from './compare.ts'

// test/slow/model.slow.ts does 15 of these runs in each mode.
compareInEveryMode(t, 2, 1000)
