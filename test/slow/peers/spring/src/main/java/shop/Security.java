package shop;

import static org.springframework.security.config.Customizer.withDefaults;

import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletRequest;
import jakarta.servlet.ServletResponse;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.annotation.Order;
import org.springframework.security.authentication.AuthenticationServiceException;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.oauth2.server.resource.web.authentication.BearerTokenAuthenticationFilter;
import org.springframework.security.web.SecurityFilterChain;

/** {@code /asked} asks Latchkey whether a token is good; everything else checks it by the published keys. */
@Configuration
class Security {
    @Bean
    @Order(1)
    SecurityFilterChain asked(HttpSecurity http) {
        return protect(http.securityMatcher("/asked")).oauth2ResourceServer(it -> it.opaqueToken(withDefaults())).build();
    }

    @Bean
    SecurityFilterChain offline(HttpSecurity http) {
        return protect(http).oauth2ResourceServer(it -> it.jwt(withDefaults())).build();
    }

    private static HttpSecurity protect(HttpSecurity http) {
        return http.authorizeHttpRequests(it -> it.anyRequest().authenticated())
                .addFilterBefore(Security::unavailable, BearerTokenAuthenticationFilter.class);
    }

    /** Where Latchkey does not answer there is no verdict: 503, in place of Spring's 500. */
    private static void unavailable(ServletRequest request, ServletResponse response, FilterChain chain)
            throws IOException, ServletException {
        try {
            chain.doFilter(request, response);
        } catch (AuthenticationServiceException noVerdict) {
            ((HttpServletResponse) response).setStatus(HttpServletResponse.SC_SERVICE_UNAVAILABLE);
        }
    }
}
