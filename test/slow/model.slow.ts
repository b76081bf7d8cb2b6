import t from 'tap'
import { compareInEveryMode } from '../model/compare.ts'

compareInEveryMode(t, 15, 10_000)
