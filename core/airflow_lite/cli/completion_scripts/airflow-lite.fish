# Completion of airflow-lite for fish:
#     airflow-lite completion fish > ~/.config/fish/completions/airflow-lite.fish

function __airflow_lite_complete
    set -l words (commandline --current-process --tokenize --cut-at-cursor)
    set -l current (commandline --current-token --cut-at-cursor)
    set -l program (string replace --regex '^~' $HOME -- $words[1])
    set -e words[1]
    set -l answer ($program __complete fish $words "$current" 2>/dev/null)
    if test "$answer[1]" = file
        set -l flag (string match --regex -- '^--[^=]*=' $current)
        for path in (__fish_complete_path (string replace -- "$flag" '' $current))
            echo "$flag$path"
        end
        return
    end
    set -e answer[1]
    test (count $answer) -gt 0; and string join \n -- $answer
end

complete --command airflow-lite --no-files --arguments '(__airflow_lite_complete)'
