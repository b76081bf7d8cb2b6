// An API behind Latchkey's access tokens: /me checks them by itself, /asked asks Latchkey.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/time/rate"
)

// A check says whose access token this is. What it fails with is errUnavailable, or the token is not good.
type check func(ctx context.Context, token string) (user string, err error)

var (
	errInvalid = errors.New("not a good access token")
	// No verdict, so nobody is let in.
	errUnavailable = errors.New("Latchkey does not answer")
)

func main() {
	issuer := os.Getenv("ISSUER")
	http.Handle("GET /me", protect(offline(issuer, os.Getenv("AUDIENCE")), me))
	http.Handle("GET /asked", protect(asking(issuer, os.Getenv("CLIENT_ID"), os.Getenv("CLIENT_SECRET")), me))
	server := http.Server{Addr: "127.0.0.1:" + os.Getenv("PORT"), ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

func me(w http.ResponseWriter, _ *http.Request, user string) {
	io.WriteString(w, user)
}

// protect lets those through whose bearer token the check finds good.
func protect(check check, next func(w http.ResponseWriter, r *http.Request, user string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") || token == "" {
			unauthorized(w, "Bearer")
			return
		}
		switch user, err := check(r.Context(), token); {
		case errors.Is(err, errUnavailable):
			w.WriteHeader(http.StatusServiceUnavailable)
		case err != nil || user == "":
			unauthorized(w, `Bearer error="invalid_token"`)
		default:
			next(w, r, user)
		}
	}
}

func unauthorized(w http.ResponseWriter, challenge string) {
	w.Header().Set("WWW-Authenticate", challenge)
	w.WriteHeader(http.StatusUnauthorized)
}

// offline checks by the published keys: good until the token expires, also after a logout.
func offline(issuer, audience string) check {
	keys, err := keyfunc.NewDefaultOverrideCtx(context.Background(), []string{issuer + "/.well-known/jwks.json"}, keyfunc.Override{
		HTTPTimeout:     2 * time.Second,
		RefreshInterval: 5 * time.Minute,
		// For a kid that is not known, and how long a request waits for that.
		RefreshUnknownKID: rate.NewLimiter(rate.Every(10*time.Second), 1),
		RateLimitWaitMax:  2 * time.Second,
	})
	if err != nil {
		log.Fatal(err)
	}
	options := []jwt.ParserOption{jwt.WithValidMethods([]string{"ES256"}), jwt.WithExpirationRequired(), jwt.WithIssuer(issuer)}
	if audience != "" {
		options = append(options, jwt.WithAudience(audience))
	}
	parser := jwt.NewParser(options...)
	return func(ctx context.Context, token string) (string, error) {
		var claims jwt.RegisteredClaims
		_, err := parser.ParseWithClaims(token, &claims, keys.KeyfuncCtx(ctx))
		// Without any key no token can be told from another.
		if known, _ := keys.Storage().KeyReadAll(ctx); err != nil && len(known) == 0 {
			return "", errUnavailable
		}
		return claims.Subject, err
	}
}

// asking asks Latchkey: good now.
func asking(issuer, id, secret string) check {
	client := http.Client{
		Timeout: 2 * time.Second,
		// The answer of another host would be no verdict.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return func(ctx context.Context, token string) (string, error) {
		// What is no UTF-8 is refused as a form, which would say nothing of the token.
		form := strings.NewReader(url.Values{"token": {strings.ToValidUTF8(token, "?")}}.Encode())
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, issuer+"/api/token/introspect/", form)
		if err != nil {
			return "", errUnavailable
		}
		request.SetBasicAuth(id, secret)
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		answer, err := client.Do(request)
		if err != nil {
			return "", errUnavailable
		}
		defer answer.Body.Close()
		var said struct {
			Active    bool
			TokenType string `json:"token_type"`
			Sub       string
		}
		if answer.StatusCode != http.StatusOK || json.NewDecoder(answer.Body).Decode(&said) != nil {
			return "", errUnavailable
		}
		if !said.Active || said.TokenType != "access" {
			return "", errInvalid
		}
		return said.Sub, nil
	}
}
