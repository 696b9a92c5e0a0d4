# shellcheck shell=bash
# Written by go generate from the program's own table of commands.
_cardea_agent() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
  COMPREPLY=()
  if [ "$COMP_CWORD" = 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W "run doctor support-report errors policy autostart browser-policy origins version" -- "$word")
    return
  fi
  case ${COMP_WORDS[1]} in
    run)
      case $before in
        --audit | --broker | --choices | --log | --origins | --policy | --prompt-socket)
          compopt -o filenames
          mapfile -t COMPREPLY < <(compgen -f -- "$word")
          return
          ;;
        --listen | --prompt) return ;;
      esac
      mapfile -t COMPREPLY < <(compgen -W "--audit --broker --choices --developer --listen --log --origins --policy --prompt --prompt-socket --until-stdin-ends --verbose" -- "$word")
      ;;
    doctor)
      case $before in
        --policy | --prompt-socket)
          compopt -o filenames
          mapfile -t COMPREPLY < <(compgen -f -- "$word")
          return
          ;;
      esac
      mapfile -t COMPREPLY < <(compgen -W "--json --policy --prompt-socket" -- "$word")
      ;;
    support-report)
      case $before in
        --log | --policy | --prompt-socket)
          compopt -o filenames
          mapfile -t COMPREPLY < <(compgen -f -- "$word")
          return
          ;;
      esac
      compopt -o filenames
      mapfile -t COMPREPLY < <(compgen -f -W "--log --policy --prompt-socket --with-names" -- "$word")
      ;;
    errors)
      case $before in
        --policy)
          compopt -o filenames
          mapfile -t COMPREPLY < <(compgen -f -- "$word")
          return
          ;;
      esac
      mapfile -t COMPREPLY < <(compgen -W "--policy agentLost busy cancelled cardRemoved cardUnknown cardUnreadable internal invalidRequest loopbackBlockedInFrame loopbackDenied loopbackDismissed moduleFailed moduleMissing noCard noPromptUI noReader noService noUsableCertificate notPermitted notRunning originRefused pinBlocked pinNotSet pinWrong sessionLocked sessionUnknown timedOut unsupported versionTooOld" -- "$word")
      ;;
    policy)
      if [ "$COMP_CWORD" = 2 ]; then
        mapfile -t COMPREPLY < <(compgen -W "show check" -- "$word")
        return
      fi
      case ${COMP_WORDS[2]} in
        show)
          case $before in
            --policy)
              compopt -o filenames
              mapfile -t COMPREPLY < <(compgen -f -- "$word")
              return
              ;;
          esac
          mapfile -t COMPREPLY < <(compgen -W "--json --policy" -- "$word")
          ;;
        check)
          compopt -o filenames
          mapfile -t COMPREPLY < <(compgen -f -W "--installed" -- "$word")
          ;;
      esac
      ;;
    autostart)
      case $before in
        --policy)
          compopt -o filenames
          mapfile -t COMPREPLY < <(compgen -f -- "$word")
          return
          ;;
      esac
      mapfile -t COMPREPLY < <(compgen -W "--policy" -- "$word")
      ;;
    browser-policy)
      case $before in
        --policy)
          compopt -o filenames
          mapfile -t COMPREPLY < <(compgen -f -- "$word")
          return
          ;;
        --system) return ;;
      esac
      mapfile -t COMPREPLY < <(compgen -W "--apply --policy --remove --system" -- "$word")
      ;;
    origins)
      if [ "$COMP_CWORD" = 2 ]; then
        mapfile -t COMPREPLY < <(compgen -W "list revoke" -- "$word")
        return
      fi
      case ${COMP_WORDS[2]} in
        list)
          case $before in
            --audit | --origins | --policy)
              compopt -o filenames
              mapfile -t COMPREPLY < <(compgen -f -- "$word")
              return
              ;;
          esac
          mapfile -t COMPREPLY < <(compgen -W "--audit --origins --policy" -- "$word")
          ;;
        revoke)
          case $before in
            --audit | --origins | --policy)
              compopt -o filenames
              mapfile -t COMPREPLY < <(compgen -f -- "$word")
              return
              ;;
          esac
          mapfile -t COMPREPLY < <(compgen -W "--audit --origins --policy" -- "$word")
          ;;
      esac
      ;;
    version)
      mapfile -t COMPREPLY < <(compgen -W "--json" -- "$word")
      ;;
  esac
}
complete -F _cardea_agent cardea-agent
