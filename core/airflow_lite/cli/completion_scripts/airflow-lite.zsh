#compdef airflow-lite
# Completion of airflow-lite for zsh: source <(airflow-lite completion zsh)

_airflow_lite() {
    local -a answer
    answer=("${(@f)$("${${(Q)words[1]}/#\~/$HOME}" __complete zsh "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
    case $answer[1] in
        file)
            compset -P '--*='
            _files
            ;;
        words)
            shift answer
            (( $#answer )) && _describe 'airflow-lite' answer
            ;;
    esac
}

if [[ ${funcstack[1]} == _airflow_lite ]]; then
    _airflow_lite "$@"
else
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
    compdef _airflow_lite airflow-lite
fi
