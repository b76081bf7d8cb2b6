import { Argument, type Command, type Option } from 'commander'

// Commander has no completion, and libraries for it start the program at each Tab, which takes half a second, or complete no paths. These
// scripts are made from the program's own tree of commands, and ask nobody.

/** Values that are known, or paths. */
type Values = readonly string[] | 'paths'

/** What can be typed; an option with a value has the values that it can have, none for any. */
interface Offer {
  readonly word: string
  readonly description: string
  readonly values?: Values
}

/** A command by the words that lead to it, each with a space before, ` users create`: of the program itself nothing. */
interface Place {
  readonly at: string
  readonly commands: readonly Offer[]
  readonly options: readonly Offer[]
  readonly values: Values
}

const SCRIPTS: Readonly<Record<string, (places: readonly Place[]) => string>> = { bash, zsh, fish }

/** `completion bash`, `completion zsh`, `completion fish`. */
export function addCompletion(program: Command): void {
  program
    .command('completion')
    .description('print a script that lets a shell complete commands, options and their values')
    .addArgument(new Argument('<shell>', 'which one').choices(Object.keys(SCRIPTS)))
    .addHelpText(
      'after',
      `
  bash:  eval "$(latchkey completion bash)"                 in ~/.bashrc
  zsh:   eval "$(latchkey completion zsh)"                  in ~/.zshrc, after compinit
  fish:  latchkey completion fish >~/.config/fish/completions/latchkey.fish`,
    )
    .action((shell: string) => {
      process.stdout.write(SCRIPTS[shell]?.(placesOf(program)) ?? '')
    })
}

function placesOf(command: Command, at = ''): Place[] {
  const help = command.createHelp()
  const commands = help.visibleCommands(command)
  const options = help.visibleOptions(command).map(offerOf)
  const [argument] = command.registeredArguments
  const values = argument === undefined ? [] : valuesOf(argument.name(), argument.argChoices)
  const place = { at, commands: commands.map((each) => ({ word: each.name(), description: each.description() })), options, values }
  return [place, ...commands.flatMap((each) => placesOf(each, `${at} ${each.name()}`))]
}

function offerOf({ long, description, flags, argChoices, required }: Option): Offer {
  const [, name = ''] = /<(\w+)/.exec(flags) ?? []
  return { word: long as string, description, ...(required && { values: valuesOf(name, argChoices) }) }
}

/** The name of a value says that it is a path. */
function valuesOf(name: string, choices: readonly string[] = []): Values {
  return /^(path|file)$/.test(name) ? 'paths' : choices
}

/** A text as a shell reads it as one word. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

function patternOf(places: readonly Place[]): string {
  const [, ...inner] = places
  return inner.map(({ at }) => quoted(at)).join(' | ')
}

/** A line for each option with a value, at each place. */
function lineEach(places: readonly Place[], lineOf: (at: string, values: Values) => string): string {
  const lines = places.flatMap(({ at, options }) => options.map(({ word, values }) => values && lineOf(quoted(`${at} ${word}`), values)))
  return lines.filter(Boolean).join('\n')
}

/** Where no word is offered, bash completes paths. */
function bash(places: readonly Place[]): string {
  const others = places.map(({ at, commands, options, values }) => {
    const isPath = values === 'paths'
    const words = [...commands, ...options].map(({ word }) => word).concat(isPath ? [] : values)
    return `      ${quoted(at)}) ${isPath ? '[[ $current == -* ]] && ' : ''}words=${quoted(words.join(' '))} ;;`
  })
  return `_latchkey() {
  local at='' words='' i current=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD - 1]}
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$at \${COMP_WORDS[i]}" in ${patternOf(places)}) at="$at \${COMP_WORDS[i]}" ;; esac
  done
  if [[ $before == = ]]; then before=\${COMP_WORDS[COMP_CWORD - 2]}; fi
  if [[ $current == = ]]; then current=; fi
  case "$at $before" in
${lineEach(places, (at, values) => `    ${at}) words=${values === 'paths' ? '' : quoted(values.join(' '))} ;;`)}
    *) case $at in
${others.join('\n')}
    esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _latchkey latchkey
`
}

function zsh(places: readonly Place[]): string {
  const described = (offers: readonly Offer[]) => offers.map(({ word, description }) => quoted(`${word}:${description}`)).join(' ')
  const others = places.map(({ at, commands, options, values }) => {
    const isPath = values === 'paths'
    const offers = `offers=(${described(commands)} ${isPath ? '' : values.join(' ')} ${described(options)})`
    return `      (${quoted(at)}) ${isPath ? '[[ $words[CURRENT] == -* ]] || { _files; return }; ' : ''}${offers} ;;`
  })
  return `#compdef latchkey
_latchkey() {
  local at='' i
  local -a offers
  for ((i = 2; i < CURRENT; i++)); do
    case "$at $words[i]" in (${patternOf(places)}) at="$at $words[i]" ;; esac
  done
  case "$at $words[CURRENT-1]" in
${lineEach(places, (at, values) => `    (${at}) ${values === 'paths' ? '_files; return' : `offers=(${values.join(' ')})`} ;;`)}
    (*) case $at in
${others.join('\n')}
    esac ;;
  esac
  _describe latchkey offers
}
if [[ $funcstack[1] == _latchkey ]]; then _latchkey "$@"; else compdef _latchkey latchkey; fi
`
}

function fish(places: readonly Place[]): string {
  const text = (words: string) => `'${words.replaceAll(/[\\']/g, '\\$&')}'`
  const line = (at: string, rest: string) => `complete -c latchkey -n ${text(`__latchkey_at ${text(at)}`)} ${rest}`
  const taking = (values: Values) => (values === 'paths' ? ' -r -F' : ` -x -a ${text(values.join(' '))}`)
  const lines = places.flatMap(({ at, commands, options, values }) => [
    ...commands.map(({ word, description }) => line(at, `-a ${word} -d ${text(description)}`)),
    ...(values === 'paths' ? [line(at, '-F')] : values.map((value) => line(at, `-a ${value}`))),
    ...options.map(({ word, values, description }) =>
      line(at, `-l ${word.slice(2)}${values === undefined ? '' : taking(values)} -d ${text(description)}`),
    ),
  ])
  const [, ...paths] = places.map(({ at }) => text(at))
  return `function __latchkey_at
    set -l at ''
    for word in (commandline -opc)[2..]
        if contains -- "$at $word" ${paths.join(' ')}
            set at "$at $word"
        end
    end
    test "$at" = "$argv[1]"
end
complete -c latchkey -f
${lines.join('\n')}
`
}
