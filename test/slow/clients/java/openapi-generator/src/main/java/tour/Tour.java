package tour;

import com.google.gson.Gson;
import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import latchkey.ApiClient;
import latchkey.ApiException;
import latchkey.api.AccountApi;
import latchkey.api.TokensApi;
import latchkey.api.UsersApi;
import latchkey.model.Credentials;
import latchkey.model.IntrospectionRequest;
import latchkey.model.LoginAnswer;
import latchkey.model.Problem;
import latchkey.model.RefreshRequest;
import latchkey.model.Registered;
import latchkey.model.Registration;
import latchkey.model.SessionOfMine;
import latchkey.model.VerifyRequest;

/** Calls the service as an application would, and prints what it got as a line of JSON. */
public final class Tour {
  private static final String PASSWORD = "securepassword";

  private final Map<String, Object> seen = new HashMap<>();
  private final ApiClient client;
  private final UsersApi users;
  private final TokensApi tokens;
  private final AccountApi account;

  private Tour(String url) {
    client = new ApiClient().setBasePath(url);
    users = new UsersApi(client);
    tokens = new TokensApi(client);
    account = new AccountApi(client);
  }

  public static void main(String[] parameters) throws ApiException, IOException {
    Tour tour = new Tour(System.getenv("LATCHKEY_URL"));
    tour.walk();
    tour.seen.put("later", new Tour(System.getenv("LATCHKEY_LATER_URL")).later());
    System.out.println(new Gson().toJson(tour.seen));
  }

  private void walk() throws ApiException, IOException {
    seen.put("registered", register("testuser").getMessage());
    LoginAnswer login = logIn("testuser", PASSWORD);
    seen.put("login", login.getMessage());
    var refreshed = tokens.refreshToken(new RefreshRequest().refresh(login.getRefresh()));
    seen.put("refreshed", isNew(login, refreshed.getAccess(), refreshed.getRefresh()));
    client.setBearerToken(refreshed.getAccess());
    use(refreshed.getAccess());
    fail();
    end(refreshed.getAccess(), refreshed.getRefresh());
  }

  private Registered register(String username) throws ApiException {
    return users.registerUser(new Registration().username(username).password(PASSWORD));
  }

  private LoginAnswer logIn(String username, String password) throws ApiException {
    return users.logIn(new Credentials().username(username).password(password), null);
  }

  private static boolean isNew(LoginAnswer login, String access, String refresh) {
    boolean isThere = access != null && refresh != null;
    return isThere && !access.equals(login.getAccess()) && !refresh.equals(login.getRefresh());
  }

  /** Does with an access token what one is for. */
  private void use(String access) throws ApiException {
    tokens.verifyToken(new VerifyRequest().token(access));
    seen.put("verified", true);
    var me = account.getMe();
    long id = me.getId();
    seen.put("me", Map.of("id", id, "username", me.getUsername()));
    var sessions = account.listMySessions();
    long current = sessions.stream().filter(SessionOfMine::getCurrent).count();
    seen.put("sessions", Map.of("count", sessions.size(), "current", current));
    seen.put("introspected", introspect(access));
  }

  private Map<String, Object> introspect(String access) throws ApiException {
    client.setUsername(System.getenv("CLIENT_ID"));
    client.setPassword(System.getenv("CLIENT_SECRET"));
    var answer = tokens.introspectToken(new IntrospectionRequest().token(access));
    return Map.of(
        "active", answer.getActive(),
        "sub", answer.getSub(),
        "audience", answer.getAud(),
        "expiresAfterIssue", answer.getExp() - answer.getIat());
  }

  private void fail() throws IOException {
    Problem problem = problemOf(refusalOf(() -> register("")));
    var invalid = seenOf(problem);
    invalid.put("username", problem.getUsername());
    invalid.put("errors", problem.getErrors());
    seen.put("invalid", invalid);
    seen.put("unauthorized", seenOf(problemOf(wrongLogin())));
    seen.put("throttled", throttled());
  }

  private ApiException wrongLogin() {
    return refusalOf(() -> logIn("testuser", "not the password"));
  }

  private Map<String, Object> throttled() throws IOException {
    ApiException refusal = wrongLogin();
    for (int tries = 1; tries < 50 && refusal.getCode() != 429; tries++) refusal = wrongLogin();
    var throttled = seenOf(problemOf(refusal));
    String seconds = refusal.getResponseHeaders().get("Retry-After").get(0);
    throttled.put("retryAfter", Integer.parseInt(seconds) >= 1);
    return throttled;
  }

  private void end(String access, String refresh) throws ApiException, IOException {
    tokens.blacklistToken(new RefreshRequest().refresh(refresh));
    seen.put("loggedOut", true);
    seen.put("afterLogout", seenOf(unverified(access)));
  }

  private Problem unverified(String token) throws IOException {
    return problemOf(refusalOf(() -> tokens.verifyToken(new VerifyRequest().token(token))));
  }

  /** A service that answers members and codes which the client does not know. */
  private Map<String, Object> later() throws ApiException, IOException {
    register("another");
    client.setBearerToken(logIn("another", PASSWORD).getAccess());
    long id = account.getMe().getId();
    var later = seenOf(unverified("no.to.ken"));
    later.put("id", id);
    return later;
  }

  private static Problem problemOf(ApiException refusal) throws IOException {
    return Problem.fromJson(refusal.getResponseBody());
  }

  private static Map<String, Object> seenOf(Problem problem) {
    return new HashMap<>(Map.of("status", problem.getStatus(), "code", problem.getCode()));
  }

  private interface Call {
    void run() throws ApiException;
  }

  private static ApiException refusalOf(Call call) {
    try {
      call.run();
    } catch (ApiException refusal) {
      return refusal;
    }
    throw new IllegalStateException("was not refused");
  }
}
