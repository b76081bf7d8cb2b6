// Prints the id of the user whose access token it is given.
package main

import (
	"fmt"
	"log"
	"os"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
)

func main() {
	issuer := os.Getenv("ISSUER")
	keys, err := keyfunc.NewDefault([]string{issuer + "/.well-known/jwks.json"})
	if err != nil {
		log.Fatal(err)
	}
	options := []jwt.ParserOption{jwt.WithValidMethods([]string{"ES256"}), jwt.WithIssuer(issuer)}
	if audience := os.Getenv("AUDIENCE"); audience != "" {
		options = append(options, jwt.WithAudience(audience))
	}

	var claims jwt.RegisteredClaims
	if _, err := jwt.ParseWithClaims(os.Args[1], &claims, keys.Keyfunc, options...); err != nil {
		log.Fatal(err)
	}
	fmt.Println(claims.Subject)
}
