// Prints the id of the user whose access token it is given.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/coreos/go-oidc/v3/oidc"
)

func main() {
	ctx := context.Background()
	issuer, audience := os.Getenv("ISSUER"), os.Getenv("AUDIENCE")
	keys := oidc.NewRemoteKeySet(ctx, issuer+"/.well-known/jwks.json")
	verifier := oidc.NewVerifier(issuer, keys, &oidc.Config{
		ClientID:             audience,
		SkipClientIDCheck:    audience == "",
		SupportedSigningAlgs: []string{oidc.ES256},
	})

	token, err := verifier.Verify(ctx, os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(token.Subject)
}
