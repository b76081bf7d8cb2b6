package tour

import kotlinx.serialization.Serializable

/** What the tour prints. */
@Serializable
data class Seen(
    val registered: String,
    val login: String,
    val refreshed: Boolean,
    val verified: Boolean,
    val me: MeSeen,
    val sessions: SessionsSeen,
    val introspected: IntrospectionSeen,
    val invalid: ProblemSeen,
    val unauthorized: ProblemSeen,
    val throttled: ProblemSeen,
    val loggedOut: Boolean,
    val afterLogout: ProblemSeen,
    val later: ProblemSeen? = null,
)

@Serializable
data class MeSeen(val id: Long, val username: String)

@Serializable
data class SessionsSeen(val count: Int, val current: Int)

@Serializable
data class IntrospectionSeen(val active: Boolean, val sub: String?, val audience: String?, val expiresAfterIssue: Long)

@Serializable
data class ProblemSeen(
    val status: Int,
    val code: String,
    val username: List<String>? = null,
    val errors: Map<String, List<String>>? = null,
    val retryAfter: Boolean? = null,
    val id: Long? = null,
)
