//! Every setting of a configuration is read, known to be without effect, or refused. The files in
//! tests/golden are all that the configuration classes of transformers write.

use std::collections::BTreeMap;
use std::path::Path;

use settling_models::{Activation, Architecture, ErrorKind, Llama, RopeScaling, parse_config};

use crate::configs::with;

const NEOX: &str = r#"{"model_type":"gpt_neox","vocab_size":8,"hidden_size":16,"num_hidden_layers":2,
    "num_attention_heads":2,"intermediate_size":64,"max_position_embeddings":8}"#;
const LLAMA: &str = r#"{"model_type":"llama","vocab_size":8,"hidden_size":16,"num_hidden_layers":2,
    "num_attention_heads":2,"intermediate_size":64,"max_position_embeddings":8}"#;
const MISTRAL: &str = r#"{"model_type":"mistral","vocab_size":8,"hidden_size":16,"num_hidden_layers":2,
    "num_attention_heads":2,"num_key_value_heads":2,"intermediate_size":64,
    "max_position_embeddings":8}"#;
const OLMO: &str = r#"{"model_type":"olmo","vocab_size":8,"hidden_size":16,"num_hidden_layers":2,
    "num_attention_heads":2,"intermediate_size":64,"max_position_embeddings":8}"#;
const OLMO2: &str = r#"{"model_type":"olmo2","vocab_size":8,"hidden_size":16,"num_hidden_layers":2,
    "num_attention_heads":2,"intermediate_size":64,"max_position_embeddings":8}"#;
const GPT2: &str =
    r#"{"model_type":"gpt2","vocab_size":8,"n_embd":16,"n_layer":2,"n_head":2,"n_positions":8}"#;
const PICO: &str = r#"{"model_type":"pico_decoder","vocab_size":8,"d_model":16,"n_layers":2,"attention_n_heads":2,
    "activation_hidden_dim":64,"max_seq_len":8,"norm_eps":1e-6,"position_emb_theta":1e4}"#;

fn read(text: &str) -> Architecture {
    parse_config(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn llama(text: &str) -> Llama {
    match read(text) {
        Architecture::Llama(llama) => llama,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn refused(text: &str, kind: ErrorKind, parts: &[&str]) {
    let error = parse_config(text).expect_err(text);
    for part in parts {
        assert!(error.to_string().contains(part), "`{part}` in: {error}");
    }
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().len() < 600, "{error}");
}

#[test]
fn all_that_any_transformers_writes_is_understood_and_says_the_same() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut found: BTreeMap<String, Vec<(String, Architecture)>> = BTreeMap::new();
    for version in ["4.37.1", "4.57.1", "5.24.0"] {
        for entry in std::fs::read_dir(golden.join(version)).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            found.entry(name).or_default().push((version.to_owned(), read(&text)));
        }
    }
    assert_eq!(found.len(), 9);
    for (name, versions) in &found {
        assert!(versions.len() >= 2, "{name}");
        for (version, architecture) in versions {
            assert_eq!(*architecture, versions[0].1, "{name} {version}");
        }
    }
    // None of which is what a family has by default.
    let Architecture::GptNeox(neox) = &found["gpt_neox"][0].1 else { panic!() };
    assert_eq!((neox.rotary_pct, neox.rotary_emb_base), (0.5, 5000.0));
    assert_eq!((neox.hidden_act, neox.use_parallel_residual), (Activation::GeluFast, false));
    let Architecture::Gpt2(gpt2) = &found["gpt2"][0].1 else { panic!() };
    assert_eq!((gpt2.activation_function, gpt2.tie_word_embeddings), (Activation::Relu, false));
    let llama = |name: &str| match &found[name][0].1 {
        Architecture::Llama(llama) => llama,
        other => panic!("{other:?}"),
    };
    assert_eq!(llama("llama").rope_scaling, RopeScaling::Linear { factor: 2.0 });
    assert_eq!((llama("llama").rope_theta, llama("llama").hidden_act), (5000.0, Activation::Gelu));
    assert!(llama("llama").attention_bias && llama("llama").tie_word_embeddings);
    let RopeScaling::Llama3 { original_max_position_embeddings: 64, .. } =
        llama("llama3").rope_scaling
    else {
        panic!()
    };
    assert_eq!(llama("mistral").sliding_window, Some(16));
    assert_eq!(llama("mistral_all").sliding_window, None);
    assert_eq!((llama("olmo").clip_qkv, llama("olmo").rope_theta), (Some(8.0), 5000.0));
    assert_eq!(llama("pico_decoder").rope_theta, 5000.0);
}

#[test]
fn a_setting_that_is_not_known_is_refused_by_name() {
    for text in [NEOX, LLAMA, MISTRAL, OLMO, GPT2, PICO] {
        for (setting, name) in [
            (r#""attention_multiplier":0.5"#, "`attention_multiplier`"),
            (r#""num_experts":8"#, "`num_experts`"),
            (r#""no_rope_layers":[1,0]"#, "`no_rope_layers`"),
            (r#""text_config":{"a":1}"#, "`text_config`"),
            (r#""vocabsize":8"#, "`vocabsize`"),
            (r#""Vocab_size":8"#, "`Vocab_size`"),
            (r#""":8"#, "``"),
            (r#""a\nb\u202e":false"#, r"`a\nb\u{202e}`"),
        ] {
            refused(&with(text, setting), ErrorKind::Unsupported, &[name, "remove it"]);
        }
        // To a class that does not know the name, null is what it would be without.
        assert_eq!(read(&with(text, r#""attention_multiplier":null"#)), read(text));
    }
    // Of one family, in another.
    for (text, setting, name) in [
        (OLMO, r#""rms_norm_eps":1e-3"#, "`rms_norm_eps`"),
        (GPT2, r#""rope_theta":1e4"#, "`rope_theta`"),
        (GPT2, r#""layer_norm_eps":1e-3"#, "`layer_norm_eps`"),
        (GPT2, r#""hidden_act":"relu""#, "`hidden_act`"),
        (NEOX, r#""num_key_value_heads":1"#, "`num_key_value_heads`"),
        (NEOX, r#""head_dim":4"#, "`head_dim`"),
        (LLAMA, r#""rotary_pct":0.5"#, "`rotary_pct`"),
        (LLAMA, r#""rotary_emb_base":500"#, "`rotary_emb_base`"),
        (LLAMA, r#""layer_norm_eps":1e-3"#, "`layer_norm_eps`"),
        (LLAMA, r#""use_parallel_residual":true"#, "`use_parallel_residual`"),
        (PICO, r#""rope_theta":1e4"#, "`rope_theta`"),
        (PICO, r#""hidden_act":"gelu""#, "`hidden_act`"),
    ] {
        refused(&with(text, setting), ErrorKind::Unsupported, &[name]);
    }
    let many: Vec<_> = (0..1000).map(|number| format!("\"x{number:03}\":1")).collect();
    let parts = ["`x000`, `x001`, `x002`, `x003` and 996 more"];
    refused(&with(LLAMA, &many.join(",")), ErrorKind::Unsupported, &parts);
    let long = format!("\"{}\":1", "x".repeat(70_000));
    refused(&with(LLAMA, &long), ErrorKind::Unsupported, &["`xxxx"]);
}

#[test]
fn a_value_that_changes_the_arithmetic_is_refused_and_the_neutral_one_is_not() {
    for (text, name, neutral, others) in [
        (MISTRAL, "attention_bias", "false", &["true", "1", "\"no\""][..]),
        (NEOX, "mlp_bias", "true", &["false"]),
        (GPT2, "attention_bias", "true", &["false"]),
        (OLMO, "mlp_bias", "false", &["true"]),
        (OLMO2, "qk_norm", "null", &["false"]),
        (LLAMA, "qk_norm", "false", &["true"]),
        (LLAMA, "sliding_window", "null", &["4", "4096"]),
        (OLMO, "sliding_window", "null", &["4"]),
        (LLAMA, "clip_qkv", "null", &["8.0"]),
        (LLAMA, "quantization_config", "null", &[r#"{"quant_method":"gptq","bits":4}"#]),
        (LLAMA, "pruned_heads", "{}", &[r#"{"1":[0]}"#]),
        (GPT2, "add_cross_attention", "false", &["true"]),
        (LLAMA, "is_encoder_decoder", "false", &["true"]),
        (LLAMA, "is_causal", "true", &["false"]),
        (LLAMA, "logit_scale", "1.0", &["0.0625", "NaN", "1e400"]),
        (LLAMA, "embedding_multiplier", "1", &["12"]),
        (LLAMA, "rope_interleaved", "false", &["true"]),
        (LLAMA, "attn_logit_softcapping", "null", &["50.0"]),
        (PICO, "attention_bias", "false", &["true"]),
    ] {
        assert_eq!(read(&with(text, &format!("\"{name}\":{neutral}"))), read(text), "{name}");
        for other in others {
            let text = with(text, &format!("\"{name}\":{other}"));
            refused(&text, ErrorKind::Unsupported, &[&format!("`{name}`")]);
        }
    }
    // Neither changes what is computed: every family is a decoder, and slices add up.
    for (text, setting) in [(GPT2, r#""is_decoder":true"#), (LLAMA, r#""pretraining_tp":2"#)] {
        assert_eq!(read(&with(text, setting)), read(text), "{setting}");
    }
    assert!(llama(&with(LLAMA, r#""attention_bias":true,"mlp_bias":true"#)).mlp_bias);
}

#[test]
fn layers_of_one_kind_may_say_so() {
    let list = |kinds: [&str; 2]| format!("\"layer_types\":[\"{}\",\"{}\"]", kinds[0], kinds[1]);
    let full = list(["full_attention"; 2]);
    let sliding = list(["sliding_attention"; 2]);
    for text in [NEOX, LLAMA, OLMO, GPT2] {
        assert_eq!(read(&with(text, &full)), read(text));
        let parts = ["layer_types", "`sliding_attention`", "no `sliding_window`"];
        refused(&with(text, &sliding), ErrorKind::Unsupported, &parts);
    }
    let window = with(MISTRAL, r#""sliding_window":4"#);
    assert_eq!(read(&with(&window, &sliding)), read(&window));
    let none = with(MISTRAL, r#""sliding_window":null"#);
    assert_eq!(read(&with(&none, &full)), read(&none));
    for (text, kinds) in [
        (&window, list(["full_attention", "sliding_attention"])),
        (&window, full.clone()),
        (&none, sliding),
        (&none, list(["full_attention", "linear_attention"])),
    ] {
        let parts = ["`layer_types` has", "sliding_window", "every layer"];
        refused(&with(text, &kinds), ErrorKind::Unsupported, &parts);
    }
    for (kinds, part) in [
        (r#"["full_attention"]"#, "of 1 layers, the model has 2"),
        ("[]", "of 0 layers"),
        ("[1,2]", "a list of texts"),
        ("\"full_attention\"", "a list of texts"),
    ] {
        let text = with(LLAMA, &format!("\"layer_types\":{kinds}"));
        refused(&text, ErrorKind::Config, &["layer_types", part]);
    }
}

#[test]
fn rotary_settings_are_read_wherever_transformers_writes_them() {
    for inside in ["rope_scaling", "rope_parameters"] {
        let theta = format!("\"{inside}\":{{\"rope_type\":\"default\",\"rope_theta\":50.0}}");
        assert_eq!(llama(&with(LLAMA, &theta)).rope_theta, 50.0);
        let Architecture::GptNeox(neox) = read(&with(NEOX, &theta)) else { panic!() };
        assert_eq!((neox.rotary_emb_base, neox.rotary_pct), (50.0, 0.25));
        let share = format!("\"{inside}\":{{\"type\":\"default\",\"partial_rotary_factor\":0.5}}");
        let Architecture::GptNeox(neox) = read(&with(NEOX, &share)) else { panic!() };
        assert_eq!((neox.rotary_emb_base, neox.rotary_pct), (10_000.0, 0.5));
        refused(&with(LLAMA, &share), ErrorKind::Unsupported, &["`partial_rotary_factor` is 0.5"]);
        // Without a type it is the default one.
        let bare = format!("\"{inside}\":{{\"rope_theta\":50}}");
        assert_eq!(llama(&with(LLAMA, &bare)).rope_theta, 50.0);
        assert_eq!(read(&with(LLAMA, &format!("\"{inside}\":{{}}"))), read(LLAMA));
    }
    for (setting, base) in [
        (r#""rope_theta":50"#, 50.0),
        (r#""rotary_emb_base":50"#, 50.0),
        (r#""rotary_emb_base":50,"rope_theta":50.0"#, 50.0),
    ] {
        let Architecture::GptNeox(neox) = read(&with(NEOX, setting)) else { panic!() };
        assert_eq!(neox.rotary_emb_base, base);
    }
    // The original context: within, beside, or that of the model.
    let llama3 = |more: &str, beside: &str| {
        let text = format!(
            r#""rope_scaling":{{"rope_type":"llama3","factor":8,"low_freq_factor":1,"high_freq_factor":4{more}}}{beside}"#
        );
        with(LLAMA, &text)
    };
    let (within, beside) =
        (r#","original_max_position_embeddings":4"#, r#","original_max_position_embeddings":5"#);
    for (text, expected) in [(llama3(within, ""), 4), (llama3("", beside), 5), (llama3("", ""), 8)]
    {
        let RopeScaling::Llama3 { original_max_position_embeddings, .. } =
            llama(&text).rope_scaling
        else {
            panic!()
        };
        assert_eq!(original_max_position_embeddings, expected);
    }
    let parts = ["rope_scaling.original_max_position_embeddings", "contradict", "4", "5"];
    refused(&llama3(within, beside), ErrorKind::Config, &parts);
    // Where nothing is stretched it says what the context once was.
    assert_eq!(read(&with(LLAMA, r#""original_max_position_embeddings":4"#)), read(LLAMA));
}

#[test]
fn a_rotary_setting_of_another_type_is_refused() {
    for (text, setting, name) in [
        (LLAMA, r#""rope_scaling":{"rope_type":"default","factor":2.0}"#, "`rope_scaling.factor`"),
        (LLAMA, r#""rope_scaling":{"factor":2.0}"#, "`rope_scaling.factor`"),
        (
            LLAMA,
            r#""rope_parameters":{"rope_type":"default","mrope_section":[1]}"#,
            "mrope_section",
        ),
        (LLAMA, r#""rope_scaling":{"type":"linear","factor":2,"low_freq_factor":1}"#, "low_freq"),
        (
            LLAMA,
            r#""rope_scaling":{"type":"linear","factor":2,"attention_factor":2}"#,
            "attention_factor",
        ),
        (
            LLAMA,
            r#""rope_parameters":{"full_attention":{"rope_type":"default"}}"#,
            "full_attention",
        ),
        (
            NEOX,
            r#""rope_scaling":{"rope_type":"default","use_cache":true}"#,
            "`rope_scaling.use_cache`",
        ),
        (NEOX, r#""rope_parameters":{"rotary_pct":0.5}"#, "`rope_parameters.rotary_pct`"),
    ] {
        refused(&with(text, setting), ErrorKind::Unsupported, &[name, "rotary embedding"]);
    }
    let neutral = r#""rope_scaling":{"rope_type":"default","factor":1.0,"low_freq_factor":null}"#;
    assert_eq!(read(&with(LLAMA, neutral)), read(LLAMA));
}

#[test]
fn two_spellings_that_contradict_each_other_are_both_named() {
    for (text, settings, names) in [
        (
            NEOX,
            r#""rotary_pct":0.25,"partial_rotary_factor":0.5"#,
            ["`rotary_pct`", "`partial_rotary_factor`"],
        ),
        (NEOX, r#""rotary_emb_base":500,"rope_theta":5e3"#, ["`rotary_emb_base`", "`rope_theta`"]),
        (
            NEOX,
            r#""rotary_pct":0.5,"rope_parameters":{"partial_rotary_factor":0.25}"#,
            ["`rotary_pct`", "`rope_parameters.partial_rotary_factor`"],
        ),
        (
            LLAMA,
            r#""rope_theta":1e4,"rope_parameters":{"rope_theta":5e5}"#,
            ["`rope_theta`", "`rope_parameters.rope_theta`"],
        ),
        (
            LLAMA,
            r#""rope_scaling":{"rope_theta":1e4},"rope_parameters":{"rope_theta":5e5}"#,
            ["`rope_scaling.rope_theta`", "`rope_parameters.rope_theta`"],
        ),
        (
            LLAMA,
            r#""rope_scaling":{"type":"linear","rope_type":"default","factor":2}"#,
            ["`rope_scaling.type`", "`rope_scaling.rope_type`"],
        ),
        (
            LLAMA,
            r#""rope_scaling":{"type":"linear","factor":2},"rope_parameters":{"rope_type":"linear","factor":4}"#,
            ["`rope_scaling.factor`", "`rope_parameters.factor`"],
        ),
        (GPT2, r#""hidden_size":8"#, ["`n_embd`", "`hidden_size`"]),
        (GPT2, r#""num_hidden_layers":3"#, ["`n_layer`", "`num_hidden_layers`"]),
        (GPT2, r#""num_attention_heads":4"#, ["`n_head`", "`num_attention_heads`"]),
        (GPT2, r#""max_position_embeddings":16"#, ["`n_positions`", "`max_position_embeddings`"]),
        (LLAMA, r#""architectures":["Olmo2ForCausalLM"]"#, ["`llama`", "`Olmo2ForCausalLM`"]),
    ] {
        refused(&with(text, settings), ErrorKind::Config, &names);
    }
    // Those that agree are one, and either will do.
    let other = r#"{"model_type":"gpt2","vocab_size":8,"hidden_size":16,"num_hidden_layers":2,
        "num_attention_heads":2,"max_position_embeddings":8,"n_layer":2}"#;
    assert_eq!(read(other), read(GPT2));
    let agreeing = r#""rotary_pct":0.5,"partial_rotary_factor":0.5,"rotary_emb_base":10000,
        "rope_parameters":{"rope_theta":1e4,"partial_rotary_factor":0.50,"rope_type":"default"}"#;
    assert_eq!(read(&with(NEOX, agreeing)), read(&with(NEOX, r#""rotary_pct":0.5"#)));
    assert_eq!(read(&with(LLAMA, r#""architectures":["LlamaModel"]"#)), read(LLAMA));
}

#[test]
fn numbers_beyond_f32_and_those_that_are_none_are_refused_where_they_are_read() {
    for (text, name) in [
        (LLAMA, "rope_theta"),
        (LLAMA, "rms_norm_eps"),
        (OLMO, "clip_qkv"),
        (NEOX, "rotary_emb_base"),
        (NEOX, "rotary_pct"),
        (NEOX, "layer_norm_eps"),
        (GPT2, "layer_norm_epsilon"),
    ] {
        for value in ["1e39", "-1e39", "1e400", "-1e400", "NaN", "Infinity", "-Infinity"] {
            let text = with(text, &format!("\"{name}\":{value}"));
            refused(&text, ErrorKind::Config, &[name, value, "expected a"]);
        }
        let positive = ["-1", "0", "0.0", "1e-400", "1e-46"];
        for value in if name == "rotary_pct" { &positive[..1] } else { &positive } {
            refused(&with(text, &format!("\"{name}\":{value}")), ErrorKind::Config, &[name]);
        }
        if !["clip_qkv", "rotary_pct"].contains(&name) {
            // To transformers it is an error.
            refused(&with(text, &format!("\"{name}\":null")), ErrorKind::Config, &[name, "null"]);
        }
    }
    assert_eq!(llama(&with(OLMO, r#""clip_qkv":null"#)).clip_qkv, None);
    for scaling in [
        r#"{"type":"linear","factor":1e39}"#,
        r#"{"type":"linear","factor":NaN}"#,
        r#"{"type":"linear","factor":0}"#,
        r#"{"type":"linear","factor":1e-45}"#,
        r#"{"type":"linear","factor":1e-20,"rope_theta":1e-37}"#,
        r#"{"type":"llama3","factor":2,"low_freq_factor":1,"high_freq_factor":1e39}"#,
        r#"{"type":"llama3","factor":2,"low_freq_factor":-1,"high_freq_factor":4}"#,
        r#"{"type":"llama3","factor":2,"low_freq_factor":4,"high_freq_factor":4}"#,
        r#"{"type":"llama3","factor":2,"low_freq_factor":1,"high_freq_factor":4,
            "original_max_position_embeddings":1e3}"#,
    ] {
        refused(&with(LLAMA, &format!("\"rope_scaling\":{scaling}")), ErrorKind::Config, &[]);
    }
    // A flag that is on by default is off for Python where it is null, and an error for
    // transformers 5.
    for (text, name) in
        [(NEOX, "use_parallel_residual"), (NEOX, "attention_bias"), (GPT2, "tie_word_embeddings")]
    {
        refused(&with(text, &format!("\"{name}\":null")), ErrorKind::Config, &[name, "null"]);
    }
    assert_eq!(read(&with(LLAMA, r#""attention_bias":null"#)), read(LLAMA));
    // The largest context there is costs nothing to describe.
    let wide = LLAMA.replace("embeddings\":8", "embeddings\":268435456");
    assert_eq!(llama(&wide).max_position_embeddings, 1 << 28);
}

#[test]
fn what_nobody_reads_may_be_anything_that_python_reads() {
    let odd = r#""task_specific_params":{"a":NaN,"b":[Infinity,-Infinity,1e400],"a":1},
        "prefix":"\ud800","initializer_range":Infinity,"temperature":-0"#;
    for text in [NEOX, LLAMA, MISTRAL, OLMO, GPT2, PICO] {
        assert_eq!(read(&with(text, odd)), read(text));
        assert_eq!(read(&format!("\u{feff}{text}")), read(text));
    }
    refused(&with(LLAMA, r#""hidden_act":"\ud800""#), ErrorKind::Unsupported, &[r"`\ud800`"]);
    refused(&with(LLAMA, r#""head_dim":Infinity"#), ErrorKind::Config, &["head_dim", "Infinity"]);
}

#[test]
fn a_setting_that_is_there_twice_is_refused() {
    for (text, setting, name) in [
        (LLAMA, r#""vocab_size":8"#, "`vocab_size`"),
        (LLAMA, r#""rope_theta":1e4,"rope_theta":5e5"#, "`rope_theta`"),
        (LLAMA, r#""use_cache":true,"use_cache":true"#, "`use_cache`"),
        (
            LLAMA,
            r#""rope_scaling":{"type":"linear","factor":2,"factor":4}"#,
            "`rope_scaling.factor`",
        ),
        (NEOX, r#""\u0068idden_act":"gelu","hidden_act":"relu""#, "`hidden_act`"),
    ] {
        refused(&with(text, setting), ErrorKind::Config, &[name, "twice"]);
    }
}

#[test]
fn mistral_without_heads_of_keys_and_values_has_eight() {
    let absent = MISTRAL.replace("\"num_key_value_heads\":2,", "");
    let parts = ["no `num_key_value_heads`", "8", "num_attention_heads = 2"];
    refused(&absent, ErrorKind::Config, &parts);
    let null = MISTRAL
        .replace("heads\":2,\"num_key_value_heads\":2", "heads\":2,\"num_key_value_heads\":null");
    assert_eq!(llama(&null).num_key_value_heads, 2);
    let sixteen = absent
        .replace("\"num_attention_heads\":2", "\"num_attention_heads\":16")
        .replace("hidden_size\":16", "hidden_size\":32");
    assert_eq!(llama(&sixteen).num_key_value_heads, 8);
}

#[test]
fn every_activation_of_transformers_without_weights_has_a_function() {
    for (name, function) in [
        ("gelu", Activation::Gelu),
        ("gelu_python", Activation::Gelu),
        ("gelu_new", Activation::GeluTanh),
        ("gelu_pytorch_tanh", Activation::GeluTanh),
        ("gelu_python_tanh", Activation::GeluTanh),
        ("gelu_accurate", Activation::GeluTanh),
        ("gelu_fast", Activation::GeluFast),
        ("gelu_10", Activation::Gelu10),
        ("quick_gelu", Activation::QuickGelu),
        ("silu", Activation::Silu),
        ("swish", Activation::Silu),
        ("mish", Activation::Mish),
        ("relu", Activation::Relu),
        ("relu2", Activation::Relu2),
        ("relu6", Activation::Relu6),
        ("leaky_relu", Activation::LeakyRelu),
        ("linear", Activation::Linear),
        ("sigmoid", Activation::Sigmoid),
        ("tanh", Activation::Tanh),
        ("hardswish", Activation::HardSwish),
        ("laplace", Activation::Laplace),
        ("sqrtsoftplus", Activation::SqrtSoftplus),
    ] {
        assert_eq!(Activation::from_name(name), Some(function));
        let displayed = function.to_string();
        assert_eq!(Activation::from_name(&displayed), Some(function), "{displayed}");
        let setting = format!("\"hidden_act\":\"{name}\"");
        let Architecture::GptNeox(neox) = read(&with(NEOX, &setting)) else { panic!() };
        assert_eq!(
            (neox.hidden_act, llama(&with(LLAMA, &setting)).hidden_act),
            (function, function)
        );
        let setting = format!("\"activation_function\":\"{name}\"");
        let Architecture::Gpt2(gpt2) = read(&with(GPT2, &setting)) else { panic!() };
        assert_eq!(gpt2.activation_function, function);
    }
    for name in ["prelu", "xielu", "GELU", "gelu ", "geglu", ""] {
        let text = with(LLAMA, &format!("\"hidden_act\":\"{name}\""));
        refused(&text, ErrorKind::Unsupported, &["`hidden_act` is", "`gelu_fast`"]);
    }
    refused(&with(LLAMA, r#""hidden_act":null"#), ErrorKind::Config, &["hidden_act", "null"]);
}
