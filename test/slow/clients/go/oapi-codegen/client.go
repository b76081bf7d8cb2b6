package main

import (
	"log"
	"net/http"
	"os"
	"time"

	"github.com/oapi-codegen/oapi-codegen/v2/pkg/securityprovider"

	"latchkey/tour/api"
)

func connect(variable string) *api.ClientWithResponses {
	impatient := &http.Client{Timeout: 30 * time.Second}
	return must(api.NewClientWithResponses(os.Getenv(variable), api.WithHTTPClient(impatient)))
}

// bearer sends an access token with a request.
func bearer(token string) api.RequestEditorFn {
	return must(securityprovider.NewSecurityProviderBearerToken(token)).Intercept
}

// basic authenticates a client.
func basic(id, secret string) api.RequestEditorFn {
	return must(securityprovider.NewSecurityProviderBasicAuth(id, secret)).Intercept
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

// body of an answer, which has a member for each status: nil unless it is the status of this answer.
func body[T any](member *T, answer interface{ Status() string }) *T {
	if member == nil {
		log.Fatalf("%T: %s", answer, answer.Status())
	}
	return member
}

func problem(of *api.Problem) map[string]any {
	return map[string]any{"status": of.Status, "code": of.Code}
}
