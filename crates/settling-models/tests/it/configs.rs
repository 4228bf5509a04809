//! Every way in which a `config.json` can be wrong.

use settling_models::{Architecture, ErrorKind, parse_config};

const NEOX: &str = r#"{"model_type":"gpt_neox","vocab_size":8,"hidden_size":16,"num_hidden_layers":1,
    "num_attention_heads":2,"intermediate_size":64,"max_position_embeddings":8}"#;
const LLAMA: &str = r#"{"model_type":"llama","vocab_size":8,"hidden_size":16,"num_hidden_layers":1,
    "num_attention_heads":2,"intermediate_size":64,"max_position_embeddings":8}"#;
const GPT2: &str =
    r#"{"model_type":"gpt2","vocab_size":8,"n_embd":16,"n_layer":1,"n_head":2,"n_positions":8}"#;
const PICO: &str = r#"{"model_type":"pico_decoder","vocab_size":8,"d_model":16,"n_layers":1,"attention_n_heads":2,
    "activation_hidden_dim":64,"max_seq_len":8,"norm_eps":1e-6,"position_emb_theta":1e4}"#;

/// The configuration with settings more.
pub(crate) fn with(text: &str, setting: &str) -> String {
    text.replacen('{', &format!("{{{setting},"), 1)
}

fn refused(text: &str, kind: ErrorKind, parts: &[&str]) {
    let error = parse_config(text).expect_err(text);
    assert_eq!(error.kind(), kind, "{error}");
    for part in parts {
        assert!(error.to_string().contains(part), "`{part}` in: {error}");
    }
    assert!(error.to_string().len() < 500, "{error}");
}

#[test]
fn defaults_stand_in_for_what_is_left_out() {
    let Architecture::GptNeox(neox) = parse_config(NEOX).unwrap() else { panic!() };
    assert!(neox.use_parallel_residual && neox.attention_bias && !neox.tie_word_embeddings);
    let Architecture::Llama(llama) = parse_config(LLAMA).unwrap() else { panic!() };
    assert_eq!((llama.num_key_value_heads, llama.head_dim, llama.sliding_window), (2, 8, None));
    let Architecture::Gpt2(gpt2) = parse_config(GPT2).unwrap() else { panic!() };
    assert_eq!((gpt2.n_inner, gpt2.tie_word_embeddings, gpt2.scale_attn_weights), (64, true, true));
    // The first files of Mistral lack the window and have one; `null` says that there is none.
    let mistral = with(&LLAMA.replace("llama", "mistral"), r#""num_key_value_heads":2"#);
    for (text, expected) in
        [(mistral.clone(), Some(4096)), (with(&mistral, r#""sliding_window":null"#), None)]
    {
        let Architecture::Llama(found) = parse_config(&text).unwrap() else { panic!() };
        assert_eq!(found.sliding_window, expected);
    }
}

#[test]
fn a_file_without_a_model_type_is_known_by_its_class() {
    for (text, name, class) in [
        (NEOX, "gpt_neox", "GPTNeoXForCausalLM"),
        (LLAMA, "llama", "LlamaForCausalLM"),
        (LLAMA, "llama", "Olmo2ForCausalLM"),
        (GPT2, "gpt2", "GPT2LMHeadModel"),
        (PICO, "pico_decoder", "PicoDecoderHF"),
    ] {
        let by_class = text.replace(
            &format!(r#""model_type":"{name}""#),
            &format!(r#""architectures":["{class}"]"#),
        );
        let (found, typed) = (parse_config(&by_class).unwrap(), parse_config(text).unwrap());
        assert_eq!(found == typed, class != "Olmo2ForCausalLM");
    }
    let bert = r#"{"architectures":["BertModel"]}"#;
    refused(bert, ErrorKind::Unsupported, &["`BertModel`", "`pico_decoder`"]);
    for text in ["{}", r#"{"architectures":[]}"#, r#"{"architectures":null,"model_type":null}"#] {
        refused(text, ErrorKind::Config, &["model_type"]);
    }
    let parts = ["`architectures` is 7", "a list of texts"];
    refused(r#"{"architectures":7,"model_type":"gpt2"}"#, ErrorKind::Config, &parts);
}

#[test]
fn texts_that_are_no_configuration() {
    for text in ["", "<html>", "{", "[1]", "null", "\"gpt2\"", "{\"a\":01}", "\u{feff}"] {
        refused(text, ErrorKind::Config, &["JSON"]);
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    refused(&deep, ErrorKind::Config, &["JSON"]);
    refused(r#"{"model_type":5}"#, ErrorKind::Config, &["`model_type` is 5", "a text"]);
    let supported = [
        "`qwen2`",
        "`gpt_neox`",
        "`gpt2`",
        "`llama`",
        "`mistral`",
        "`olmo`",
        "`olmo2`",
        "`pico_decoder`",
    ];
    let qwen = LLAMA.replace("llama", "qwen2");
    refused(&qwen, ErrorKind::Unsupported, &supported);
    let strange = r#"{"model_type":"a\u0000\u202eb\n"}"#;
    refused(strange, ErrorKind::Unsupported, &[r"`a\0\u{202e}b\n`"]);
}

#[test]
fn sizes_that_are_none() {
    let names = [
        (NEOX, "hidden_size", ":16"),
        (LLAMA, "hidden_size", ":16"),
        (GPT2, "n_embd", ":16"),
        (PICO, "d_model", ":16"),
    ];
    for (text, name, value) in names {
        parse_config(text).unwrap();
        refused(&text.replace(name, "other"), ErrorKind::Config, &["there is no", name]);
        for (bad, part) in [
            (":-16", "is -16: expected a whole number"),
            (":16.5", "is 16.5: expected a whole number"),
            (":\"16\"", "is \"16\": expected a whole number"),
            (":[16]", "is [16]: expected a whole number"),
            (":true", "is true: expected a whole number"),
            (":18446744073709551616", "expected a whole number"),
            (":18446744073709551614", "expected a whole number from 1 to 2^28"),
            (":0", "is 0: expected a whole number from 1"),
            (":null", "there is no"),
        ] {
            refused(&text.replace(value, bad), ErrorKind::Config, &[name, part]);
        }
        refused(&text.replace(value, ":15"), ErrorKind::Config, &["does not divide", name, "15"]);
    }
    for (text, name) in [
        (NEOX, "num_hidden_layers"),
        (LLAMA, "num_hidden_layers"),
        (GPT2, "n_layer"),
        (PICO, "n_layers"),
    ] {
        // A list of every tensor would not fit in memory.
        let text = text.replace(&format!("\"{name}\":1"), &format!("\"{name}\":100000000"));
        refused(&text, ErrorKind::Config, &["100000000", "4096"]);
    }
    for text in [NEOX, LLAMA, PICO] {
        let text = text.replace("heads\":2", "heads\":0");
        refused(&text, ErrorKind::Config, &["heads", "0"]);
    }
    let long = format!("[{}]", vec!["1"; 100_000].join(","));
    refused(&GPT2.replace(":16", &format!(":{long}")), ErrorKind::Config, &["`n_embd` is [1,1,"]);
}

#[test]
fn heads_that_do_not_fit() {
    let config = ErrorKind::Config;
    refused(
        &with(LLAMA, r#""num_key_value_heads":3"#),
        config,
        &["num_key_value_heads = 3", "does not divide"],
    );
    refused(&with(LLAMA, r#""head_dim":3"#), config, &["head_dim = 3", "odd"]);
    refused(&with(LLAMA, r#""head_dim":0"#), config, &["head_dim"]);
    refused(&with(LLAMA, r#""head_dim":268435456"#), config, &["num_attention_heads * head_dim"]);
    // Heads need not add up to the width where they have a width of their own.
    let Architecture::Llama(wide) = parse_config(&with(LLAMA, r#""head_dim":32"#)).unwrap() else {
        panic!()
    };
    assert_eq!((wide.head_dim, wide.hidden_size), (32, 16));
}

#[test]
fn settings_of_another_type_or_out_of_range() {
    let config = ErrorKind::Config;
    for (text, setting, parts) in [
        (
            NEOX,
            r#""use_parallel_residual":"yes""#,
            ["`use_parallel_residual` is \"yes\"", "true or false"],
        ),
        (NEOX, r#""layer_norm_eps":"1e-5""#, ["`layer_norm_eps`", "a positive number"]),
        (NEOX, r#""layer_norm_eps":0"#, ["layer_norm_eps", "positive"]),
        (NEOX, r#""rotary_pct":1.5"#, ["rotary_pct", "from 0 to 1"]),
        (NEOX, r#""hidden_act":["gelu"]"#, ["`hidden_act`", "a text"]),
        (LLAMA, r#""rope_theta":-1"#, ["rope_theta", "positive"]),
        (LLAMA, r#""rope_scaling":"linear""#, ["`rope_scaling` is \"linear\"", "an object"]),
        (LLAMA, r#""rope_scaling":{"type":"linear"}"#, ["no `factor`", "`linear` needs"]),
        (LLAMA, r#""rope_scaling":{"type":"linear","factor":-2}"#, ["factor", "-2"]),
        (
            LLAMA,
            r#""rope_parameters":{"rope_type":"llama3","factor":8}"#,
            ["no `low_freq_factor`", "`rope_parameters`"],
        ),
        (
            LLAMA,
            r#""rope_scaling":{"type":"linear","factor":2},"rope_parameters":{"rope_type":"default"}"#,
            ["contradict", "linear"],
        ),
        (GPT2, r#""tie_word_embeddings":1"#, ["`tie_word_embeddings` is 1", "true or false"]),
    ] {
        refused(&with(text, setting), config, &parts);
    }
}

#[test]
fn variants_that_are_not_supported() {
    for (text, setting, parts) in [
        (NEOX, r#""hidden_act":"prelu""#, ["`prelu`", "expected `gelu`"]),
        (NEOX, r#""rope_scaling":{"type":"linear","factor":2}"#, ["rope_scaling", "Linear"]),
        (
            NEOX,
            r#""rope_parameters":{"rope_type":"yarn"}"#,
            ["`rope_parameters.rope_type` is `yarn`", "`default`"],
        ),
        (
            LLAMA,
            r#""rope_scaling":{"type":"dynamic","factor":2}"#,
            ["`rope_scaling.type` is `dynamic`", "`linear`, `llama3`"],
        ),
        (
            LLAMA,
            r#""rope_parameters":{"full_attention":{"rope_type":"default"}}"#,
            ["full_attention", "rotary"],
        ),
        (LLAMA, r#""partial_rotary_factor":0.5"#, ["`partial_rotary_factor` is 0.5", "expected 1"]),
        (GPT2, r#""activation_function":"xielu""#, ["`xielu`", "`gelu_new`"]),
        (GPT2, r#""add_cross_attention":true"#, ["add_cross_attention", "expected false"]),
    ] {
        refused(&with(text, setting), ErrorKind::Unsupported, &parts);
    }
    // Both spellings of the same are no contradiction.
    let both = r#""rope_scaling":{"rope_type":"default"},"rope_parameters":{"rope_type":"default","rope_theta":5e5}"#;
    let Architecture::Llama(found) = parse_config(&with(LLAMA, both)).unwrap() else { panic!() };
    assert_eq!(found.rope_theta, 500_000.0);
}
