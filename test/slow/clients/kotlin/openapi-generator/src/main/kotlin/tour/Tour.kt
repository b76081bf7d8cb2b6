package tour

import io.ktor.client.HttpClient
import io.ktor.client.engine.cio.CIO
import io.ktor.client.plugins.contentnegotiation.ContentNegotiation
import io.ktor.serialization.kotlinx.json.json
import io.ktor.util.reflect.typeInfo
import kotlinx.serialization.json.Json
import latchkey.apis.AccountApi
import latchkey.apis.TokensApi
import latchkey.apis.UsersApi
import latchkey.infrastructure.ApiClient
import latchkey.infrastructure.HttpResponse
import latchkey.models.Credentials
import latchkey.models.IntrospectionRequest
import latchkey.models.LoginAnswer
import latchkey.models.Problem
import latchkey.models.RefreshAnswer
import latchkey.models.RefreshRequest
import latchkey.models.Registration
import latchkey.models.VerifyRequest

private const val PASSWORD = "securepassword"

/** Calls the service as an application would, and prints what it got as a line of JSON. */
suspend fun main() {
    val http = HttpClient(CIO) { install(ContentNegotiation) { json(ApiClient.JSON_DEFAULT) } }
    http.use {
        val seen = Tour(System.getenv("LATCHKEY_URL"), it).walk()
        val later = Tour(System.getenv("LATCHKEY_LATER_URL"), it).later()
        println(Json.encodeToString(seen.copy(later = later)))
    }
}

private class Tour(url: String, http: HttpClient) {
    private val users = UsersApi(url, http)
    private val tokens = TokensApi(url, http)
    private val account = AccountApi(url, http)

    suspend fun walk(): Seen {
        val registered = register("testuser").body().message
        val login = logIn("testuser", PASSWORD).body()
        val new = tokens.refreshToken(RefreshRequest(login.refresh)).body()
        account.setBearerToken(new.access)
        return Seen(
            registered = registered,
            login = login.message,
            refreshed = isNew(login, new),
            verified = verify(new.access).success,
            me = account.getMe().body().let { MeSeen(it.id, it.username) },
            sessions = sessions(),
            introspected = introspect(new.access),
            invalid = register("").problem().let { ProblemSeen(it.status, it.code, it.username, it.errors) },
            unauthorized = seenOf(wrongLogin()),
            throttled = throttled(),
            loggedOut = tokens.blacklistToken(RefreshRequest(new.refresh!!)).success,
            afterLogout = seenOf(verify(new.access)),
        )
    }

    /** A service that answers members and codes which the client does not know. */
    suspend fun later(): ProblemSeen {
        register("another")
        account.setBearerToken(logIn("another", PASSWORD).body().access)
        val id: Long = account.getMe().body().id
        return seenOf(verify("no.to.ken")).copy(id = id)
    }

    private suspend fun register(username: String) =
        users.registerUser(Registration(username = username, password = PASSWORD))

    private suspend fun logIn(username: String, password: String) =
        users.logIn(Credentials(username = username, password = password))

    private suspend fun wrongLogin() = logIn("testuser", "not the password")

    private suspend fun verify(token: String) = tokens.verifyToken(VerifyRequest(token))

    private fun isNew(login: LoginAnswer, new: RefreshAnswer) =
        new.access != login.access && new.refresh != null && new.refresh != login.refresh

    private suspend fun sessions(): SessionsSeen {
        val sessions = account.listMySessions().body()
        return SessionsSeen(sessions.size, sessions.count { it.current })
    }

    private suspend fun introspect(token: String): IntrospectionSeen {
        tokens.setUsername(System.getenv("CLIENT_ID"))
        tokens.setPassword(System.getenv("CLIENT_SECRET"))
        val answer = tokens.introspectToken(IntrospectionRequest(token)).body()
        return IntrospectionSeen(answer.active, answer.sub, answer.aud, answer.exp!! - answer.iat!!)
    }

    private suspend fun throttled(): ProblemSeen {
        repeat(50) {
            val answer = wrongLogin()
            if (answer.status == 429) return seenOf(answer).copy(retryAfter = retryAfterOf(answer) >= 1)
        }
        error("was not throttled")
    }
}

private fun retryAfterOf(answer: HttpResponse<*>) = answer.response.headers["Retry-After"]!!.toInt()

/** What the service says about a request that it refused. */
private suspend fun HttpResponse<*>.problem(): Problem = typedBody(typeInfo<Problem>())

private suspend fun seenOf(refused: HttpResponse<*>) = refused.problem().let { ProblemSeen(it.status, it.code) }
