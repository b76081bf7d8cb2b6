// The tour: a program on top of the client that oapi-codegen makes.
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
	ctx, client, seen := context.Background(), connect("LATCHKEY_URL"), map[string]any{}
	tokens := useAccount(ctx, client, seen)
	seen["introspected"] = introspect(ctx, client, tokens.Access)
	beRefused(ctx, client, seen)
	logOut(ctx, client, tokens, seen)
	seen["later"] = askLaterVersion(ctx, connect("LATCHKEY_LATER_URL"))
	if err := json.NewEncoder(os.Stdout).Encode(seen); err != nil {
		log.Fatal(err)
	}
}

func useAccount(ctx context.Context, client *api.ClientWithResponses, seen map[string]any) *api.RefreshAnswer {
	registered := must(client.RegisterUserWithResponse(ctx, registration(testuser)))
	seen["registered"] = body(registered.JSON201, registered).Message

	answer := must(client.LogInWithResponse(ctx, nil, testuser))
	login := body(answer.JSON200, answer)
	seen["login"] = login.Message

	refreshed := must(client.RefreshTokenWithResponse(ctx, api.RefreshRequest{Refresh: login.Refresh}))
	tokens := body(refreshed.JSON200, refreshed)
	seen["refreshed"] = tokens.Access != login.Access && tokens.Refresh != nil && *tokens.Refresh != login.Refresh

	verified := must(client.VerifyTokenWithResponse(ctx, api.VerifyRequest{Token: tokens.Access}))
	seen["verified"] = verified.JSON200 != nil

	me := must(client.GetMeWithResponse(ctx, bearer(tokens.Access)))
	id := body(me.JSON200, me).ID
	seen["me"] = map[string]any{"id": id, "username": me.JSON200.Username}
	seen["sessions"] = countSessions(ctx, client, tokens.Access)
	return tokens
}

func countSessions(ctx context.Context, client *api.ClientWithResponses, access string) map[string]int {
	answer := must(client.ListMySessionsWithResponse(ctx, bearer(access)))
	sessions, current := *body(answer.JSON200, answer), 0
	for _, session := range sessions {
		if session.Current {
			current++
		}
	}
	return map[string]int{"count": len(sessions), "current": current}
}

func introspect(ctx context.Context, client *api.ClientWithResponses, access string) map[string]any {
	service := basic(os.Getenv("CLIENT_ID"), os.Getenv("CLIENT_SECRET"))
	answer := must(client.IntrospectTokenWithResponse(ctx, api.IntrospectionRequest{Token: access}, service))
	token := body(answer.JSON200, answer)
	return map[string]any{
		"active": token.Active, "sub": token.Sub, "audience": token.Aud, "expiresAfterIssue": *token.Exp - *token.Iat,
	}
}

func beRefused(ctx context.Context, client *api.ClientWithResponses, seen map[string]any) {
	registered := must(client.RegisterUserWithResponse(ctx, registration(api.Credentials{Password: testuser.Password})))
	invalid := body(registered.ApplicationProblemJSON400, registered)
	seen["invalid"] = map[string]any{
		"status": invalid.Status, "code": invalid.Code, "username": invalid.Username, "errors": invalid.Errors,
	}

	wrong := api.Credentials{Username: testuser.Username, Password: "not " + testuser.Password}
	answer := must(client.LogInWithResponse(ctx, nil, wrong))
	seen["unauthorized"] = problem(body(answer.ApplicationProblemJSON401, answer))

	for tries := 0; answer.ApplicationProblemJSON401 != nil && tries < 50; tries++ {
		answer = must(client.LogInWithResponse(ctx, nil, wrong))
	}
	throttled := body(answer.ApplicationProblemJSON429, answer)
	retryAfter := answer.Headers429.RetryAfter
	seen["throttled"] = map[string]any{
		"status": throttled.Status, "code": throttled.Code, "retryAfter": retryAfter != nil && *retryAfter >= 1,
	}
}

func logOut(ctx context.Context, client *api.ClientWithResponses, tokens *api.RefreshAnswer, seen map[string]any) {
	answer := must(client.BlacklistTokenWithResponse(ctx, api.RefreshRequest{Refresh: *tokens.Refresh}))
	seen["loggedOut"] = answer.JSON200 != nil

	verified := must(client.VerifyTokenWithResponse(ctx, api.VerifyRequest{Token: tokens.Access}))
	seen["afterLogout"] = problem(body(verified.ApplicationProblemJSON401, verified))
}

func askLaterVersion(ctx context.Context, client *api.ClientWithResponses) map[string]any {
	registered := must(client.RegisterUserWithResponse(ctx, registration(another)))
	body(registered.JSON201, registered)
	answer := must(client.LogInWithResponse(ctx, nil, another))
	me := must(client.GetMeWithResponse(ctx, bearer(body(answer.JSON200, answer).Access)))
	verified := must(client.VerifyTokenWithResponse(ctx, api.VerifyRequest{Token: "no.to.ken"}))

	seen := problem(body(verified.ApplicationProblemJSON401, verified))
	seen["id"] = body(me.JSON200, me).ID
	return seen
}

func registration(of api.Credentials) api.Registration {
	return api.Registration{Username: of.Username, Password: of.Password}
}
