# Completion of airflow-lite for bash: source <(airflow-lite completion bash)

_airflow_lite() {
    local answer line kind=
    COMPREPLY=()
    answer=$("${1/#\~/$HOME}" __complete bash "${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" 2>/dev/null)
    while IFS= read -r line; do
        if [[ -z $kind ]]; then
            kind=$line
        else
            [[ $2 == [\"\']* ]] || printf -v line '%q' "$line"
            COMPREPLY+=("$line")
        fi
    done <<<"$answer"
    if [[ $kind == file ]]; then
        compopt -o default 2>/dev/null || COMPREPLY=($(compgen -f -- "$2"))
    fi
}

complete -F _airflow_lite airflow-lite
