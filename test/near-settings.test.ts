// Not on PostgreSQL: it uses no database.
import t from 'tap'
import { doubtfulNames, loadConfig, settings } from '../config.ts'
import { start } from './server/process.ts'

const names = Object.values(settings).map(({ env }) => env as string)

/** Variables that shells, desktops, languages, containers, clouds, CI systems and other programs set. */
const COMMON = `
  HOME USER LOGNAME SHELL PATH PWD OLDPWD TERM LANG LANGUAGE LC_ALL LC_CTYPE LC_TIME LC_NUMERIC TZ SHLVL _ EDITOR VISUAL PAGER LESS MAIL
  HOSTNAME HOSTTYPE MACHTYPE OSTYPE HOST_NAME HOSTS PORTS POST HOST_IP HOST_PORT TMPDIR TMP TEMP DISPLAY WAYLAND_DISPLAY XAUTHORITY COLORTERM
  COLUMNS LINES PS1 PS2 IFS UID EUID PPID GROUPS RANDOM SECONDS HISTFILE HISTSIZE HISTCONTROL LS_COLORS LESSOPEN LESSCLOSE MANPATH INFOPATH
  XDG_RUNTIME_DIR XDG_SESSION_ID XDG_SESSION_TYPE XDG_SESSION_CLASS XDG_CONFIG_HOME XDG_DATA_HOME XDG_CACHE_HOME XDG_DATA_DIRS XDG_SEAT
  DBUS_SESSION_BUS_ADDRESS SSH_AUTH_SOCK SSH_AGENT_PID SSH_CLIENT SSH_CONNECTION SSH_TTY GPG_TTY GPG_AGENT_INFO SUDO_USER SUDO_UID SUDO_GID
  SUDO_COMMAND NO_COLOR FORCE_COLOR CLICOLOR CI DEBUG VERBOSE LOG_FILE LOG_DIR LOGS LOG_FORMATTER LOG_COLOR LOGGING
  http_proxy https_proxy no_proxy all_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY ALL_PROXY FTP_PROXY PROXY
  NODE_ENV NODE_OPTIONS NODE_PATH NODE_VERSION NODE_EXTRA_CA_CERTS NODE_COMPILE_CACHE NODE_DEBUG NODE_NO_WARNINGS UV_THREADPOOL_SIZE YARN_VERSION
  npm_config_cache npm_config_registry npm_config_loglevel npm_config_user_agent npm_config_userconfig npm_config_globalconfig npm_config_prefix
  npm_config_local_prefix npm_config_node_gyp npm_config_noproxy npm_config_init_module npm_config_npm_version npm_config_global_prefix npm_command
  npm_execpath npm_node_execpath npm_lifecycle_event npm_lifecycle_script npm_package_json npm_package_name npm_package_version
  INIT_CWD NVM_DIR NVM_BIN NVM_INC VOLTA_HOME BUN_INSTALL PNPM_HOME ESBUILD_BINARY_PATH
  PYTHONPATH PYTHONUNBUFFERED PYTHONDONTWRITEBYTECODE PIP_CERT VIRTUAL_ENV CONDA_PREFIX JAVA_HOME JAVA_OPTS MAVEN_HOME GOPATH GOROOT GOPROXY
  GOFLAGS CARGO_HOME RUSTUP_HOME RUST_LOG RUST_BACKTRACE GEM_HOME RAILS_ENV RACK_ENV SECRET_KEY_BASE RAILS_LOG_TO_STDOUT RAILS_MASTER_KEY
  DJANGO_SETTINGS_MODULE DJANGO_SECRET_KEY ALLOWED_HOSTS CSRF_TRUSTED_ORIGINS APP_KEY APP_ENV APP_URL APP_DEBUG APP_NAME
  DB_HOST DB_PORT DB_NAME DB_USER DB_PASSWORD DB_URL PGHOST PGPORT PGUSER PGPASSWORD PGDATABASE POSTGRES_USER POSTGRES_PASSWORD POSTGRES_DB
  POSTGRES_HOST_AUTH_METHOD MYSQL_HOST MYSQL_ROOT_PASSWORD MYSQL_DATABASE REDIS_URL REDIS_HOST MONGO_URL RABBITMQ_URL KAFKA_BROKERS
  SMTP_HOST SMTP_PORT SMTP_USER SMTP_PASSWORD MAIL_HOST SENTRY_DSN OTEL_EXPORTER_OTLP_ENDPOINT OTEL_SERVICE_NAME OTEL_RESOURCE_ATTRIBUTES DD_AGENT_HOST
  NEW_RELIC_LICENSE_KEY AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_REGION AWS_DEFAULT_REGION AWS_PROFILE AWS_CA_BUNDLE
  GOOGLE_APPLICATION_CREDENTIALS GCP_PROJECT AZURE_CLIENT_ID AZURE_CLIENT_SECRET AZURE_TENANT_ID DYNO HEROKU_APP_NAME FLY_APP_NAME FLY_REGION
  RENDER_SERVICE_ID RAILWAY_STATIC_URL VERCEL_URL K_SERVICE K_REVISION WEBSITE_HOSTNAME WEBSITES_PORT SERVICE_PORT SERVICE_HOST SERVER_PORT
  KUBERNETES_PORT KUBERNETES_SERVICE_HOST KUBERNETES_SERVICE_PORT KUBERNETES_SERVICE_PORT_HTTPS KUBERNETES_PORT_443_TCP_ADDR POD_NAME POD_IP
  POD_NAMESPACE NODE_NAME NODE_IP DOCKER_HOST DOCKER_CONFIG COMPOSE_PROJECT_NAME CONTAINER_NAME container PODMAN_USERNS
  GITHUB_ACTIONS GITHUB_TOKEN GITHUB_SHA GITHUB_REF GITHUB_WORKSPACE RUNNER_OS RUNNER_TEMP GITLAB_CI CI_COMMIT_SHA CI_JOB_ID CI_PROJECT_DIR JENKINS_URL
  BUILD_NUMBER BUILD_ID INVOCATION_ID JOURNAL_STREAM NOTIFY_SOCKET LISTEN_FDS LISTEN_PID WATCHDOG_USEC STATE_DIRECTORY RUNTIME_DIRECTORY
  CREDENTIALS_DIRECTORY MAINPID MANAGERPID SYSTEMD_EXEC_PID LD_LIBRARY_PATH LD_PRELOAD MALLOC_ARENA_MAX SQLITE_TMPDIR SSL_CERT_FILE SSL_CERT_DIR
  CURL_CA_BUNDLE REQUESTS_CA_BUNDLE DEBIAN_FRONTEND WSLENV WSL_DISTRO_NAME APPDATA LOCALAPPDATA ProgramFiles SystemRoot ComSpec USERPROFILE USERNAME
  OS PROCESSOR_ARCHITECTURE NUMBER_OF_PROCESSORS COMPUTERNAME HOMEDRIVE HOMEPATH SESSIONNAME SESSION_MANAGER DESKTOP_SESSION TERM_PROGRAM
  TERM_SESSION_ID ITERM_SESSION_ID TMUX STY EMAIL JWT_KEY JWT_EXPIRATION JWT_ALG JWT_PUBLIC_KEY JWT_PRIVATE_KEY SECRET TOKEN API_KEY API_URL BASE_URL
  ACCESS_TOKEN REFRESH_TOKEN SESSION_SECRET COOKIE_SECRET CORS_ORIGIN_ALL TRUSTED_PROXIES PRIVATE_URL PUBLIC_HOST PUBLIC_PATH DATABASE_NAME
  DATABASE_HOST DATABASE_PASSWORD HASH_ROUNDS ARGON2_TIME_COST MAX_MEMORY MAX_OLD_SPACE LIMIT_CORE ULIMIT WEB_CONCURRENCY REGISTRY REGISTRY_URL
`
  .trim()
  .split(/\s+/)

/** The variables that Kubernetes sets for a service: in the pods of its own namespace, whatever runs there. */
function ofKubernetes(service: string): Record<string, string> {
  const address = { [`${service}_PORT`]: 'tcp://10.0.0.1:3000', [`${service}_PORT_3000_TCP`]: 'tcp://10.0.0.1:3000' }
  const parts = { SERVICE_HOST: '10.0.0.1', SERVICE_PORT: '3000', SERVICE_PORT_HTTP: '3000', PORT_3000_TCP_ADDR: '10.0.0.1' }
  const named = Object.entries({ ...parts, PORT_3000_TCP_PORT: '3000', PORT_3000_TCP_PROTO: 'tcp' })
  return { ...address, ...Object.fromEntries(named.map(([name, value]) => [`${service}_${name}`, value])) }
}

/** The names that one mistake makes of a name. */
function mistyped(name: string): string[] {
  const places = [...name].map((_, index) => index).filter((index) => name[index] !== '_')
  return places.flatMap((index) => {
    const [before, letter, after] = [name.slice(0, index), name[index] as string, name.slice(index + 1)]
    return [
      `${before}${after}`,
      `${before}${letter}${letter}${after}`,
      `${before}Q${after}`,
      `${before}${after[0] ?? ''}${letter}${after.slice(1)}`,
    ]
  })
}

t.test('no setting, and no variable that is commonly set, is taken for a mistake', async (t) => {
  t.ok(COMMON.length > 300)
  t.same(doubtfulNames(Object.fromEntries([...names, ...COMMON].map((name) => [name, 'x']))), [])
  for (const secret of ['DATABASE_URL', 'JWT_SECRET', 'SECRETS_KEY', 'SECRETS_KEY_PREVIOUS'])
    t.same(doubtfulNames({ [`${secret}_FILE`]: 'x' }), [])
  t.same(doubtfulNames({ ACCES_TOKEN_TTL: '' }), [], 'an empty variable counts as unset')
})

t.test('no variable that Kubernetes sets for a service is taken for a mistake', async (t) => {
  for (const service of ['LATCHKEY', 'AUTH', 'JWT', 'LIMITS', 'HOST', 'SECRETS', 'REGISTRATION', 'DATABASE', 'MY_LATCHKEY']) {
    t.same(doubtfulNames(ofKubernetes(service)), [], service)
  }
})

t.test('a name with one mistake is told, with the name that was probably meant', async (t) => {
  const long = names.filter((name) => name.replaceAll('_', '').length > 5)
  t.ok(long.length > names.length - 3)
  for (const name of long) {
    const wrong = mistyped(name).filter((each) => each.replaceAll('_', '') !== name.replaceAll('_', ''))
    const told = wrong.map((each) => `${each} is no setting: is ${name} meant?`)
    t.same(
      wrong.flatMap((each) => doubtfulNames({ [each]: 'hunter2' })),
      told,
    )
  }
})

t.test('other case, other separators, a prefix, a file, and two mistakes in a long name are told, too', async (t) => {
  for (const [wrong, name] of [
    ['access_token_ttl', 'ACCESS_TOKEN_TTL'],
    ['accessTokenTtl', 'ACCESS_TOKEN_TTL'],
    ['access-token.ttl', 'ACCESS_TOKEN_TTL'],
    ['ACCES_TOKEN_TLT', 'ACCESS_TOKEN_TTL'],
    ['port', 'PORT'],
    ['PORT ', 'PORT'],
    ['PORT\u200b', 'PORT'],
    ['LATCHKEY_PORT', 'PORT'],
    ['LATCHKEY_JWT_SECRET_FILE', 'JWT_SECRET_FILE'],
    ['latchkey_acces_token_ttl', 'ACCESS_TOKEN_TTL'],
    ['JWT_SECERT_FILE', 'JWT_SECRET_FILE'],
    ['DATABASE_URI_FILE', 'DATABASE_URL_FILE'],
    ['PUBLIC_URL_FILE', 'PUBLIC_URL'],
    ['DATABASE_URI', 'DATABASE_URL'],
    ['SECRET_KEY', 'SECRETS_KEY'],
    ['CORS_ORIGIN', 'CORS_ORIGINS'],
  ] as const) {
    t.same(doubtfulNames({ [wrong]: 'hunter2' }), [`${wrong} is no setting: is ${name} meant?`])
  }
})

t.test('a start warns of such a name and goes on, without its value', async (t) => {
  const service = await start(t, { DATABASE_URL: ':memory:', ACCES_TOKEN_TTL: 'hunter2', PORTS: '80' })
  await service.stop()
  const warnings = service
    .output()
    .split('\n')
    .filter((line) => line.includes('is no setting'))
  t.match(warnings, [/"level":40,.*"msg":"ACCES_TOKEN_TTL is no setting: is ACCESS_TOKEN_TTL meant\?"/])
  t.equal(warnings.length, 1)
  t.notMatch(service.output(), 'hunter2')
})

t.test('where a setting is missing, the name that is nearly its own is told beside it', async (t) => {
  t.throws(() => loadConfig({ JWT_ALGORITHM: 'HS256', JWT_SECERT: 'hunter2' }), {
    message:
      'JWT_SECRET must be at least 32 bytes where JWT_ALGORITHM is HS256, and is not set\n' +
      'JWT_SECERT is no setting: is JWT_SECRET meant?',
  })
})
