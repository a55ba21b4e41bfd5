# SPDX-License-Identifier: Apache-2.0
# Completion of the command `cleat` for bash.
_cleat() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} words=
    case $before in
    --device | -d) words="gpu cpu accelerator" ;;
    --operation)
        words="matmul conv2d conv2d_backward_data conv2d_backward_weights softmax reduce"
        ;;
    --file | --folder | --json | --labels)
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
        ;;
    --layout) words="nchw nhwc" ;;
    --channels) words="rgb bgr gray" ;;
    --resize) words="stretch crop" ;;
    --seconds) ;;
    *)
        case ${COMP_WORDS[1]} in
        "$word") words="devices doctor selftest tune bench run inspect cache --version --help" ;;
        devices) words="--device --json" ;;
        doctor) words="--device" ;;
        selftest) words="--device --only --profile" ;;
        bench)
            words="matmul matmul-small matmul-odd matvec conv conv-backward conv-axes bandwidth
                attention recurrent model serve all --case --json --repetitions --seconds --variant --device --batch --peers --list"
            [ "${COMP_WORDS[2]}" != serve ] ||
                words="--device --clients --batch --latency --seconds --input $(compgen -f -- "$word")"
            ;;
        run) words="--device --input --output --top --labels --random --repeat --mean --std --scale --layout
                --channels --size --resize $(compgen -f -- "$word")" ;;
        inspect) words="--device --nodes --input $(compgen -f -- "$word")" ;;
        cache) words="--folder --clear" ;;
        tune) words="--device --operation --file --seconds --dry-run --show" ;;
        esac
        ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -F _cleat cleat
