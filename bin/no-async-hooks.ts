// To be imported before tap. It follows every promise by async hooks, to tell which test an exception that nobody catches belongs to. That
// takes a tenth of the time of all tests. Without them such an exception ends the process: the test that is running is said to be unfinished,
// the ones after it are left in the queue, and all of them have failed.
import hooks from 'node:async_hooks'
import { syncBuiltinESMExports } from 'node:module'

const none: hooks.AsyncHook = { enable: () => none, disable: () => none }
hooks.createHook = () => none
syncBuiltinESMExports()
