package main

import (
	"context"
	"log"
	"net/http"
	"os"
	"time"

	"latchkey/tour/api"
)

// session is what the client authenticates with, where an operation asks for it.
type session struct{ access string }

func (s *session) AccessToken(context.Context, api.OperationName) (api.AccessToken, error) {
	return api.AccessToken{Token: s.access}, nil
}

func (s *session) ClientSecretBasic(context.Context, api.OperationName) (api.ClientSecretBasic, error) {
	return api.ClientSecretBasic{Username: os.Getenv("CLIENT_ID"), Password: os.Getenv("CLIENT_SECRET")}, nil
}

func connect(variable string, as *session) *api.Client {
	impatient := &http.Client{Timeout: 30 * time.Second}
	client, err := api.NewClient(os.Getenv(variable), as, api.WithClient(impatient))
	if err != nil {
		log.Fatal(err)
	}
	return client
}

// An operation answers one of several types: each status has its own.

func expect[T any](answer any, err error) T {
	if !is[T](answer, err) {
		log.Fatalf("unexpected answer: %T", answer)
	}
	return answer.(T)
}

func is[T any](answer any, err error) bool {
	if err != nil {
		log.Fatal(err)
	}
	_, ok := answer.(T)
	return ok
}

func problem(of api.Problem) map[string]any {
	return map[string]any{"status": of.Status, "code": of.Code}
}
