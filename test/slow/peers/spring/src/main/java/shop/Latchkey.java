package shop;

import java.net.http.HttpClient;
import java.time.Duration;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.security.oauth2.server.resource.autoconfigure.servlet.JwkSetUriJwtDecoderBuilderCustomizer;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.http.client.ClientHttpRequestFactory;
import org.springframework.http.client.JdkClientHttpRequestFactory;
import org.springframework.security.oauth2.server.resource.introspection.BadOpaqueTokenException;
import org.springframework.security.oauth2.server.resource.introspection.OpaqueTokenIntrospector;
import org.springframework.security.oauth2.server.resource.introspection.RestClientOpaqueTokenIntrospector;
import org.springframework.web.client.RestClient;
import org.springframework.web.client.RestTemplate;

/** What is asked of Latchkey, with an end to the waiting: Boot's introspector waits for ever, its decoder half a minute. */
@Configuration
class Latchkey {
    private static final Duration TIMEOUT = Duration.ofSeconds(2);

    @Bean
    JwkSetUriJwtDecoderBuilderCustomizer keys() {
        return decoder -> decoder.restOperations(new RestTemplate(requests()));
    }

    @Bean
    OpaqueTokenIntrospector introspector(
            @Value("${latchkey.introspection-uri}") String uri,
            @Value("${latchkey.client-id}") String id,
            @Value("${latchkey.client-secret}") String secret) {
        var client = RestClient.builder()
                .requestFactory(requests())
                .defaultHeaders(headers -> headers.setBasicAuth(id, secret))
                .build();
        return accessTokensOnly(new RestClientOpaqueTokenIntrospector(uri, client));
    }

    private static ClientHttpRequestFactory requests() {
        var requests = new JdkClientHttpRequestFactory(HttpClient.newBuilder().connectTimeout(TIMEOUT).build());
        requests.setReadTimeout(TIMEOUT);
        return requests;
    }

    private static OpaqueTokenIntrospector accessTokensOnly(OpaqueTokenIntrospector introspector) {
        return token -> {
            var user = introspector.introspect(token);
            if (!"access".equals(user.getAttribute("token_type")) || user.getAttribute("sub") == null) {
                throw new BadOpaqueTokenException("not an access token of a user");
            }
            return user;
        };
    }
}
