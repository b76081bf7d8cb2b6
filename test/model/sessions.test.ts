import t from 'tap'
import { compareInEveryMode } from './compare.ts'

// test/slow/model.slow.ts does five times as many steps.
compareInEveryMode(t, 3, 2000)
