package shop;

import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Profile;
import org.springframework.security.oauth2.jwt.JwtTypeValidator;

/** Takes the tokens of RFC 9068, in place of those whose {@code typ} is {@code JWT}. */
@Configuration
@Profile("rfc9068")
class AccessTokenType {
    @Bean
    JwtTypeValidator atJwt() {
        return new JwtTypeValidator("at+jwt");
    }
}
