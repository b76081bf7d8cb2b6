// The tour: a program on top of the client that ogen makes.
package main

import (
	"context"
	"encoding/json"
	"log"
	"os"

	"latchkey/tour/api"
)

var (
	testuser = api.Credentials{Username: "testuser", Password: "securepassword"}
	another  = api.Credentials{Username: "another", Password: "a more secure passphrase"}
)

func main() {
	ctx, seen, mine := context.Background(), map[string]any{}, &session{}
	client := connect("LATCHKEY_URL", mine)
	refresh := useAccount(ctx, client, mine, seen)
	seen["introspected"] = introspect(ctx, client, mine.access)
	beRefused(ctx, client, seen)
	logOut(ctx, client, refresh, mine.access, seen)
	seen["later"] = askLaterVersion(ctx)
	if err := json.NewEncoder(os.Stdout).Encode(seen); err != nil {
		log.Fatal(err)
	}
}

func useAccount(ctx context.Context, client *api.Client, mine *session, seen map[string]any) (refresh string) {
	seen["registered"] = expect[*api.RegisteredHeaders](client.RegisterUser(ctx, registration(testuser))).Response.Message

	login := expect[*api.LoginAnswerHeaders](client.LogIn(ctx, &testuser, api.LogInParams{})).Response
	seen["login"] = login.Message

	tokens := expect[*api.RefreshAnswerHeaders](client.RefreshToken(ctx, &api.RefreshRequest{Refresh: login.Refresh})).Response
	refresh, rotated := tokens.Refresh.Get()
	seen["refreshed"] = tokens.Access != login.Access && rotated && refresh != login.Refresh

	mine.access = tokens.Access
	seen["verified"] = is[*api.EmptyHeaders](client.VerifyToken(ctx, &api.VerifyRequest{Token: mine.access}))

	me := expect[*api.MeHeaders](client.GetMe(ctx)).Response
	seen["me"] = map[string]any{"id": me.ID, "username": me.Username}
	seen["sessions"] = countSessions(ctx, client)
	return refresh
}

func countSessions(ctx context.Context, client *api.Client) map[string]int {
	sessions, current := expect[*api.SessionsOfMineHeaders](client.ListMySessions(ctx)).Response, 0
	for _, session := range sessions {
		if session.Current {
			current++
		}
	}
	return map[string]int{"count": len(sessions), "current": current}
}

func introspect(ctx context.Context, client *api.Client, access string) map[string]any {
	token := expect[*api.IntrospectionHeaders](client.IntrospectToken(ctx, &api.IntrospectionRequest{Token: access})).Response
	return map[string]any{
		"active": token.Active, "sub": token.Sub.Value, "audience": token.Aud.Value,
		"expiresAfterIssue": token.Exp.Value - token.Iat.Value,
	}
}

func beRefused(ctx context.Context, client *api.Client, seen map[string]any) {
	nameless := registration(api.Credentials{Password: testuser.Password})
	invalid := expect[*api.RegisterUserBadRequest](client.RegisterUser(ctx, nameless)).Response
	seen["invalid"] = map[string]any{
		"status": invalid.Status, "code": invalid.Code, "username": invalid.Username, "errors": invalid.Errors.Value,
	}

	wrong := api.Credentials{Username: testuser.Username, Password: "not " + testuser.Password}
	seen["unauthorized"] = problem(expect[*api.LogInUnauthorized](client.LogIn(ctx, &wrong, api.LogInParams{})).Response)

	throttled := beThrottled(ctx, client, &wrong)
	seen["throttled"] = map[string]any{
		"status": throttled.Response.Status, "code": throttled.Response.Code, "retryAfter": throttled.RetryAfter.Value >= 1,
	}
}

func beThrottled(ctx context.Context, client *api.Client, wrong *api.Credentials) *api.LogInTooManyRequests {
	answer, err := client.LogIn(ctx, wrong, api.LogInParams{})
	for tries := 1; is[*api.LogInUnauthorized](answer, err) && tries < 50; tries++ {
		answer, err = client.LogIn(ctx, wrong, api.LogInParams{})
	}
	return expect[*api.LogInTooManyRequests](answer, err)
}

func logOut(ctx context.Context, client *api.Client, refresh, access string, seen map[string]any) {
	seen["loggedOut"] = is[*api.EmptyHeaders](client.BlacklistToken(ctx, &api.RefreshRequest{Refresh: refresh}))

	verified := expect[*api.VerifyTokenUnauthorized](client.VerifyToken(ctx, &api.VerifyRequest{Token: access}))
	seen["afterLogout"] = problem(verified.Response)
}

func askLaterVersion(ctx context.Context) map[string]any {
	mine := &session{}
	client := connect("LATCHKEY_LATER_URL", mine)
	expect[*api.RegisteredHeaders](client.RegisterUser(ctx, registration(another)))
	mine.access = expect[*api.LoginAnswerHeaders](client.LogIn(ctx, &another, api.LogInParams{})).Response.Access

	verified := expect[*api.VerifyTokenUnauthorized](client.VerifyToken(ctx, &api.VerifyRequest{Token: "no.to.ken"}))
	seen := problem(verified.Response)
	seen["id"] = expect[*api.MeHeaders](client.GetMe(ctx)).Response.ID
	return seen
}

func registration(of api.Credentials) *api.Registration {
	return &api.Registration{Username: of.Username, Password: of.Password}
}
