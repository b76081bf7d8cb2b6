/** The database cannot do its work now: locked, full, read-only, or its disk or file is at fault. */
export class DatabaseUnavailable extends Error {}

/** More writes wait than the database will get to in reasonable time. */
export class DatabaseOverloaded extends Error {}

/** A row with this unique value is already there. */
export class DuplicateRow extends Error {}

/** The tables cannot be brought up to date: made by a newer version, or not by Latchkey. */
export class NotOurDatabase extends Error {}
