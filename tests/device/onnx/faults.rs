//! Refusals of models, and their messages.

use pliant::onnx::{Model, ModelPlan};
use pliant::{Error, Recorder, Shape, Tensor, TensorSpec};
use prost::Message;

use super::proto::*;
use super::{data_type, int, ints, node, strings, tensor, value, with};
use crate::gpu;

/// A model from x to y by one node.
fn of_node(opset: i64, node: NodeProto) -> ModelProto {
    let graph = GraphProto {
        node: vec![node],
        initializer: vec![
            tensor("one", &[], &[1.0]),
            tensor("two", &[2], &[1.0, 2.0]),
            tensor("w", &[1, 2, 1, 1], &[1.0, 2.0]),
            ints("sizes", &[1, 1]),
        ],
        input: vec![value("x", data_type::FLOAT, &[1, 2, 3, 4])],
        output: vec![value("y", data_type::FLOAT, &[])],
    };
    ModelProto {
        graph: Some(graph),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: opset }],
        ..ModelProto::default()
    }
}

fn read(model: &ModelProto) -> Result<Model, Error> {
    Model::read(&model.encode_to_vec())
}

/// Reads a model and plans it for inputs as it declares them.
fn plan(model: &ModelProto) -> Result<ModelPlan, Error> {
    let model = read(model)?;
    let spec = |extents: &Option<Vec<Option<u32>>>, dtype| {
        let extents: Vec<_> = extents.iter().flatten().map(|extent| extent.unwrap_or(1)).collect();
        TensorSpec { shape: Shape::new(&extents).unwrap(), dtype }
    };
    let inputs = model.inputs().iter();
    let inputs: Vec<_> =
        inputs.map(|input| (input.name.as_str(), spec(&input.extents, input.element.dtype()))).collect();
    ModelPlan::new(gpu(), &model, &inputs)
}

#[test]
fn nodes_are_refused_by_name_and_type() {
    let x = |op_type| node(op_type, &["x"], &["y"]);
    let table: &[(i64, NodeProto, &str)] = &[
        (19, x("Hardmax"), r#"node "n" of type Hardmax: operators of this type are not known"#),
        (
            19,
            NodeProto { name: String::new(), domain: "com.example".into(), ..x("Relu") },
            r#"node 0 of type Relu: operators of the domain "com.example" are not known"#,
        ),
        (
            19,
            node("Relu", &["z"], &["y"]),
            r#"node "n" of type Relu: "z" is given by no input, no initializer and no node before"#,
        ),
        (
            19,
            node("Relu", &["y"], &["y"]),
            r#"node "n" of type Relu: "y" is given by no input, no initializer and no node before"#,
        ),
        (19, node("Relu", &["x"], &["x"]), r#"node "n" of type Relu: "x" is given twice"#),
        (19, node("Relu", &["x"], &["w"]), r#"node "n" of type Relu: "w" is given twice"#),
        (19, node("Relu", &["x"], &["z"]), r#"output "y" is given by no node, input or initializer"#),
        (19, node("Relu", &["x"], &[]), r#"node "n" of type Relu: it has 0 outputs; it needs at least 1"#),
        (19, node("Relu", &["x"], &["y", "z"]), r#"node "n" of type Relu: it has 2 outputs; it gives 1"#),
        (19, node("Relu", &[""], &["y"]), r#"node "n" of type Relu: it has 0 inputs; it needs 1"#),
        (19, node("Add", &["", "x"], &["y"]), r#"node "n" of type Add: input 0 is absent; it needs 2"#),
        (19, node("Conv", &["x"], &["y"]), r#"node "n" of type Conv: it has 1 inputs; it needs at least 2"#),
        (
            19,
            node("Conv", &["x", "w", "", "w"], &["y"]),
            r#"node "n" of type Conv: it has 4 inputs; it needs at most 3"#,
        ),
        (19, with(x("Relu"), int("alpha", 1)), r#"node "n" of type Relu: its attribute alpha is not known"#),
        (
            19,
            with(with(x("Relu"), int("alpha", 1)), int("alpha", 2)),
            r#"node "n" of type Relu: it has two attributes "alpha""#,
        ),
        (
            19,
            with(node("Conv", &["x", "w"], &["y"]), int("pads", 1)),
            r#"node "n" of type Conv: its attribute pads is of type 2; it needs type 7"#,
        ),
        (
            19,
            with(
                node("Conv", &["x", "w"], &["y"]),
                AttributeProto { name: "auto_pad".into(), s: b"SAME".to_vec(), r#type: 3, ..AttributeProto::default() },
            ),
            r#"node "n" of type Conv: auto_pad is SAME; explicit (or notset), same_upper, same_lower and valid are known"#,
        ),
        (19, node("Concat", &["x", "x"], &["y"]), r#"node "n" of type Concat: it lacks the attribute axis"#),
        (
            19,
            node("Clip", &["x", "x"], &["y"]),
            r#"node "n" of type Clip: min is computed on the device; it must be known when the model is planned"#,
        ),
        (19, node("Clip", &["x", "", "two"], &["y"]), r#"node "n" of type Clip: max has 2 elements; it needs 1"#),
        (19, node("Clip", &["x", "sizes"], &["y"]), r#"node "n" of type Clip: min has 2 elements; it needs 1"#),
        (10, node("Clip", &["x", "one"], &["y"]), r#"node "n" of type Clip: it has 2 inputs; it needs 1"#),
        (
            13,
            node("Split", &["x", "two"], &["y", "z"]),
            r#"node "n" of type Split: split holds floats; it needs integers"#,
        ),
        (
            13,
            node("Split", &["x", "sizes"], &["y", "z", "u"]),
            r#"node "n" of type Split: split makes 2 pieces; it has 3 outputs"#,
        ),
        (
            18,
            node("Split", &["x"], &["y", "z"]),
            r#"node "n" of type Split: it needs one of the input split and the attribute num_outputs"#,
        ),
        (
            18,
            with(node("Split", &["x"], &["y", "z"]), int("num_outputs", 3)),
            r#"node "n" of type Split: num_outputs makes 3 pieces; it has 2 outputs"#,
        ),
        (
            19,
            node("BatchNormalization", &["x", "two", "two", "two", "one"], &["y"]),
            r#"node "n" of type BatchNormalization: variance has 1 channels; gamma has 2"#,
        ),
        (19, node("Constant", &[], &["y"]), r#"node "n" of type Constant: it holds no tensor, float or integer"#),
        (0, x("Relu"), "the model is of opset 0; 1 to 28 can be read"),
        (29, x("Relu"), "the model is of opset 29; 1 to 28 can be read"),
    ];
    for (opset, node, message) in table {
        assert_eq!(plan(&of_node(*opset, node.clone())).unwrap_err().to_string(), *message);
    }
    plan(&of_node(19, x("Relu"))).unwrap();
}

#[test]
fn graphs_are_refused() {
    type Change = fn(&mut GraphProto);
    let table: &[(Change, &str)] = &[
        (|graph| graph.output.clear(), "the model has no outputs"),
        (|graph| graph.input[0].r#type = None, r#"input "x" is no tensor"#),
        (|graph| graph.input[0] = value("x", data_type::STRING, &[1]), r#"input "x": strings are not supported"#),
        (|graph| graph.input[0] = value("x", 1, &[1 << 32]), r#"input "x" has an extent beyond 4294967295"#),
        (|graph| graph.input.push(graph.input[0].clone()), r#""x" is given twice"#),
        (|graph| graph.initializer.push(graph.initializer[0].clone()), r#"there are two initializers "one""#),
    ];
    for (change, message) in table {
        let mut model = of_node(19, node("Relu", &["x"], &["y"]));
        change(model.graph.as_mut().unwrap());
        assert_eq!(read(&model).unwrap_err().to_string(), *message);
    }
    let model = of_node(19, node("Relu", &["x"], &["y"]));
    let refused = |model| read(&model).unwrap_err().to_string();
    assert_eq!(
        refused(ModelProto { opset_import: Vec::new(), ..model.clone() }),
        "the model imports no opset of the default domain"
    );
    let without = ModelProto { graph: None, ..model };
    let bytes = without.encoded_len();
    assert_eq!(
        refused(without),
        format!("this is no ONNX model: it has no graph; it has {bytes} bytes: is it complete?")
    );
}

/// Names many faults of one file at once, those of a kind together.
#[test]
fn all_that_is_missing_is_told_at_once() {
    let named = |name: &str, node: NodeProto| NodeProto { name: name.into(), ..node };
    let mut model = of_node(19, named("first", node("Hardmax", &["x"], &["a"])));
    let graph = model.graph.as_mut().unwrap();
    // Outputs that no operator here has, and what depends on them.
    graph.node.push(named("unique", node("Unique", &["a"], &["b", "c"])));
    graph.node.push(named("relu", node("Relu", &["b"], &["d"])));
    graph.node.push(named("second", node("Hardmax", &["d"], &["e"])));
    graph.node.push(named("clip", node("Clip", &["x", "x"], &["f"])));
    graph.node.push(named("if", node("If", &["f"], &["g"])));
    graph.node.push(named("add", node("Add", &["e", "g"], &["h"])));
    graph.node.push(NodeProto { domain: "com.example".into(), ..node("Relu", &["h"], &["y"]) });
    assert_eq!(
        plan(&model).unwrap_err(),
        Error::Unsupported(
            "2 nodes of type Hardmax (\"first\", \"second\"): operators of this type are not known; \
             node \"unique\" of type Unique: operators of this type are not known; \
             node \"clip\" of type Clip: min is computed on the device; it must be known when the model is planned; \
             node \"if\" of type If: graphs within graphs are not run; export the model without control flow; \
             node \"n\" of type Relu: operators of the domain \"com.example\" are not known"
                .into()
        )
    );
    let operators = read(&model).unwrap().operators();
    let listed: Vec<_> = operators.iter().map(|of| (&of.name[..], of.count, of.refusal.is_some())).collect();
    let expected = [
        ("Add", 1, false),
        ("Clip", 1, false),
        ("Hardmax", 2, true),
        ("If", 1, true),
        ("Relu", 1, false),
        ("Unique", 1, true),
        ("Relu", 1, true),
    ];
    assert_eq!(listed, expected);
    // Of many, some are named.
    let many = |last: NodeProto| {
        let mut model = of_node(19, named("", node("Det", &["x"], &["e0"])));
        let nodes = (1..9).map(|index| node("Det", &[&format!("e{}", index - 1)], &[&format!("e{index}")]));
        model.graph.as_mut().unwrap().node.extend(nodes.map(|node| named("", node)).chain([last]));
        plan(&model).unwrap_err()
    };
    let expected = "9 nodes of type Det (0, 1, 2, 3, ...): operators of this type are not known";
    assert_eq!(many(node("Relu", &["e8"], &["y"])).to_string(), expected);
    // A file that is wrong in itself is told first.
    assert!(matches!(many(node("Add", &["e8", "nothing"], &["y"])), Error::Malformed(_)));
}

#[test]
fn files_of_another_kind_are_told() {
    let refused = |bytes: &[u8]| Model::read(bytes).unwrap_err().to_string();
    for (bytes, kind) in [
        (&b""[..], "an empty file"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a PNG image"),
        (b"PK\x03\x04\x14\0", "a ZIP archive, such as torch.save (.pt, .pth) and np.savez (.npz) write"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer: `git lfs pull` fetches the file itself"),
        (b"\x20\0\0\0\0\0\0\0{\"x\":{\"dtype\"", "a safetensors file"),
    ] {
        assert_eq!(refused(bytes), format!("this is no ONNX model: it looks like {kind}"));
    }
    let bytes = of_node(19, node("Relu", &["x"], &["y"])).encode_to_vec();
    let cut = &bytes[..bytes.len() / 2];
    let message = refused(cut);
    assert!(message.ends_with(&format!("; it has {} bytes: is it complete?", cut.len())), "{message}");
}

#[test]
fn declared_inputs_are_told() {
    let mut model = of_node(19, node("Relu", &["x"], &["y"]));
    let graph = model.graph.as_mut().unwrap();
    graph.input = vec![value("x", data_type::BFLOAT16, &[0, 2, -1, 4]), value("w", data_type::FLOAT, &[1, 2, 1, 1])];
    graph.output[0].r#type =
        Some(TypeProto { tensor_type: Some(TensorTypeProto { elem_type: data_type::BFLOAT16, shape: None }) });
    let model = read(&model).unwrap();
    // w is an initializer.
    let inputs: Vec<_> = model.inputs().iter().map(ToString::to_string).collect();
    assert_eq!(inputs, ["x (?x2x?x4 of bf16)"]);
    assert_eq!(model.outputs()[0].to_string(), "y (any shape of bf16)");
}

#[test]
fn outputs_hold_what_is_declared() {
    let chains: [&[NodeProto]; 4] = [
        &[node("Relu", &["x"], &["y"])],
        &[node("Identity", &["x"], &["y"])],
        &[node("Conv", &["x", "w"], &["a"]), node("Clip", &["a"], &["b"]), node("Add", &["b", "one"], &["y"])],
        &[with(node("Split", &["x"], &["", "y"]), int("axis", 1))],
    ];
    for chain in chains {
        let mut model = of_node(13, chain[0].clone());
        let graph = model.graph.as_mut().unwrap();
        graph.node = chain.to_vec();
        plan(&model).unwrap();
        model.graph.as_mut().unwrap().output[0] = value("y", data_type::FLOAT16, &[]);
        let refused = plan(&model).unwrap_err();
        assert!(matches!(refused, Error::Malformed(_)), "{refused:?}");
        assert_eq!(refused.to_string(), r#"output "y" is declared to hold f16; it holds f32"#);
    }
}

#[test]
fn what_no_output_needs_is_not_looked_at() {
    let bytes = || TensorProto { data_type: data_type::STRING, raw_data: vec![1, 2].into(), ..tensor("", &[2], &[]) };
    let constant = || AttributeProto {
        name: "value".into(),
        t: Some(bytes()),
        r#type: attribute_type::TENSOR,
        ..AttributeProto::default()
    };
    let named = |name: &str, node: NodeProto| NodeProto { name: name.into(), ..node };
    let elsewhere = NodeProto { domain: "com.example".into(), ..node("Relu", &["x"], &["e"]) };
    let unused: &[NodeProto] = &[
        with(node("Constant", &[], &["c"]), constant()),
        node("Hardmax", &["x"], &["s"]),
        // Of what is not needed either, of what there is not, and with too few or too many of both.
        node("Relu", &["s"], &["r"]),
        node("Relu", &["nothing"], &["n"]),
        node("Conv", &[], &["d", "f"]),
        with(node("Relu", &["c"], &["a"]), int("alpha", 1)),
        elsewhere,
    ];
    let model = |before: &[NodeProto], last: NodeProto| {
        let mut model = of_node(19, last.clone());
        let graph = model.graph.as_mut().unwrap();
        graph.node = [before, &[last]].concat();
        graph.initializer.push(TensorProto { name: "i".into(), ..bytes() });
        graph.input.push(value("u", data_type::STRING, &[1]));
        model
    };
    let relu = named("last", node("Relu", &["x"], &["y"]));
    let read_model = read(&model(unused, relu.clone())).unwrap();
    assert_eq!((read_model.operators().len(), read_model.inputs().len()), (1, 1));

    // What an output needs, if only through another node, is looked at; and names are given once.
    let strings = "strings are not supported";
    let table: &[(NodeProto, String)] = &[
        (node("Relu", &["c"], &["y"]), format!(r#"node "n" of type Constant: tensor "": {strings}"#)),
        (node("Relu", &["s"], &["y"]), r#"node "n" of type Hardmax: operators of this type are not known"#.into()),
        (node("Add", &["x", "i"], &["y"]), format!(r#"node "n" of type Add: tensor "i": {strings}"#)),
        (node("Add", &["x", "u"], &["y"]), format!(r#"input "u": {strings}"#)),
        (node("Split", &["x"], &["y", "r"]), r#"node "n" of type Split: it needs one"#.into()),
    ];
    for (last, message) in table {
        let refused = plan(&model(&unused[..2], last.clone())).unwrap_err().to_string();
        assert!(refused.starts_with(message), "{refused}");
    }
    let twice = read(&model(&[unused[1].clone(), unused[1].clone()], relu)).unwrap_err().to_string();
    assert_eq!(twice, r#"node "n" of type Hardmax: "s" is given twice"#);
}

/// Reads lists of numbers in both encodings of protobuf.
#[test]
fn lists_are_read_packed_and_unpacked() {
    for bytes in [&[0x40, 3, 0x40, 4][..], &[0x42, 2, 3, 4]] {
        assert_eq!(AttributeProto::decode(bytes).unwrap().ints, [3, 4]);
    }
}

/// Weights that lie in a file beside the model, which is asked for once.
#[test]
fn weights_lie_in_other_files() {
    let entry = |key: &str, value: &str| StringStringEntryProto { key: key.into(), value: value.into() };
    let outside = |location: &str, offset: &str| TensorProto {
        data_location: 1,
        external_data: vec![entry("location", location), entry("offset", offset), entry("length", "8")],
        ..tensor("e", &[2, 1, 1], &[])
    };
    let model = |location: &str, offset: &str| {
        let mut model = of_node(19, node("Mul", &["x", "e"], &["a"]));
        let graph = model.graph.as_mut().unwrap();
        graph.node.push(node("Add", &["a", "f"], &["y"]));
        graph
            .initializer
            .extend([outside(location, offset), TensorProto { name: "f".into(), ..outside(location, "8") }]);
        model.encode_to_vec()
    };
    let bytes: Vec<u8> = [2.0f32, 3.0, 4.0, 5.0].iter().flat_map(|x| x.to_le_bytes()).collect();
    let mut asked = 0;
    let read = Model::read_with(model("weights/e.bin", "0"), |path| {
        assert_eq!(path, "weights/e.bin");
        asked += 1;
        Ok(bytes.clone())
    });
    let read = read.unwrap();
    assert_eq!(asked, 1);
    let x = Tensor::upload(gpu(), [1, 2, 3, 4], &[1.0f32; 24]).unwrap();
    let plan = ModelPlan::new(gpu(), &read, &[("x", x.spec())]).unwrap();
    let mut recorder = Recorder::new(gpu());
    let outputs = plan.forward(&mut recorder, &[("x", &x)]).unwrap();
    recorder.submit().unwrap();
    let y = outputs[0].1.download_blocking::<f32>().unwrap();
    assert!(y[..12].iter().all(|y| *y == 6.0) && y[12..].iter().all(|y| *y == 8.0));

    let refused = |location: &str, offset: &str| {
        Model::read_with(model(location, offset), |_| Ok(bytes.clone())).unwrap_err().to_string()
    };
    let place = r#"node "n" of type Mul: tensor "e": "#;
    assert_eq!(refused("e", "9"), format!("{place}it ends at byte 17 of e, which has 16"));
    assert_eq!(refused("../e", "0"), format!("{place}it lies in ../e, which is not beside the model or below"));
    assert_eq!(refused("e", "many"), format!("{place}offset in e is many, no number"));
    let alone = Model::read(&model("e", "0")).unwrap_err();
    assert!(matches!(&alone, Error::Unsupported(message) if message.contains("Model::open")), "{alone}");

    // A device beside the model, which has no end.
    #[cfg(unix)]
    {
        let folder = std::env::temp_dir().join(format!("pliant-endless-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("model.onnx"), model("e", "0")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", folder.join("e")).unwrap();
        let refused = Model::open(folder.join("model.onnx")).unwrap_err().to_string();
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(refused.ends_with(&format!("{place}cannot read e: it is no regular file")), "{refused}");
    }
}

/// Operators that a file makes of others, with attributes and optional inputs of its own.
#[test]
fn functions_are_inlined() {
    let domain = || "local".to_string();
    let reference = |name: &str, of: &str| AttributeProto {
        name: name.into(),
        ref_attr_name: of.into(),
        r#type: attribute_type::FLOAT,
        ..AttributeProto::default()
    };
    let float = |name: &str, f: f32| AttributeProto {
        name: name.into(),
        f,
        r#type: attribute_type::FLOAT,
        ..AttributeProto::default()
    };
    let function = |name: &str, nodes: Vec<NodeProto>| FunctionProto {
        name: name.into(),
        domain: domain(),
        input: strings(&["a", "b"]),
        output: strings(&["c"]),
        node: nodes,
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 19 }],
        attribute_proto: vec![float("slope", 0.5)],
    };
    let leaky = with(node("LeakyRelu", &["a"], &["t"]), reference("alpha", "slope"));
    let inner = function("Inner", vec![leaky, node("Mul", &["t", "b"], &["c"])]);
    let calls = |name: &str, slope: Option<f32>| {
        let call = NodeProto { domain: domain(), ..node(name, &["x", "x"], &["y"]) };
        slope.map_or(call.clone(), |slope| with(call, float("slope", slope)))
    };
    let outer = function(
        "Outer",
        vec![NodeProto { domain: domain(), ..with(node("Inner", &["a", "b"], &["c"]), reference("slope", "slope")) }],
    );
    let run = |call: NodeProto| {
        let mut model = of_node(19, call);
        model.functions = vec![inner.clone(), outer.clone()];
        let x = Tensor::upload(gpu(), [1, 2, 3, 4], &[-2.0f32; 24]).unwrap();
        let plan = plan(&model).unwrap();
        let mut recorder = Recorder::new(gpu());
        let outputs = plan.forward(&mut recorder, &[("x", &x)]).unwrap();
        recorder.submit().unwrap();
        outputs[0].1.download_blocking::<f32>().unwrap()[0]
    };
    assert_eq!(run(calls("Inner", None)), 2.0);
    assert_eq!(run(calls("Outer", Some(0.25))), 1.0);
    // A function that calls itself is told.
    let mut endless = of_node(19, calls("Endless", None));
    endless.functions =
        vec![function("Endless", vec![NodeProto { domain: domain(), ..node("Endless", &["a", "b"], &["c"]) }])];
    assert!(matches!(read(&endless), Err(Error::Unsupported(message)) if message.contains("32 deep")));
}

/// Updates of what is computed on the device, by indices that the file has: the last update of an element counts.
#[test]
fn scatters_on_the_device() {
    let run = |node: NodeProto, indices: TensorProto, updates: TensorProto| {
        let mut model = of_node(18, node);
        model.graph.as_mut().unwrap().initializer.extend([indices, updates]);
        let x: Vec<_> = (0..24).map(|x| x as f32).collect();
        let x = Tensor::upload(gpu(), [1, 2, 3, 4], &x).unwrap();
        let plan = plan(&model)?;
        let mut recorder = Recorder::new(gpu());
        let outputs = plan.forward(&mut recorder, &[("x", &x)])?;
        recorder.submit()?;
        outputs[0].1.download_blocking::<f32>()
    };
    let indices = |elements: &[i64], dims: &[i64]| TensorProto { dims: dims.to_vec(), ..ints("at", elements) };
    let updates = |dims: &[i64]| {
        let many: i64 = dims.iter().product();
        tensor("u", dims, &(0..many).map(|x| 100.0 + x as f32).collect::<Vec<_>>())
    };
    let nd = node("ScatterND", &["x", "at", "u"], &["y"]);
    let y = run(nd.clone(), indices(&[0, 1, 2, 0, 0, 1, 0, 1, 2], &[3, 3]), updates(&[3, 4])).unwrap();
    assert_eq!(y[..8], [0.0, 1.0, 2.0, 3.0, 104.0, 105.0, 106.0, 107.0]);
    assert_eq!(y[16..], [16.0, 17.0, 18.0, 19.0, 108.0, 109.0, 110.0, 111.0]);
    for name in ["ScatterElements", "Scatter"] {
        let elements = with(node(name, &["x", "at", "u"], &["y"]), int("axis", 3));
        let y = run(elements, indices(&[3, -4], &[1, 1, 1, 2]), updates(&[1, 1, 1, 2])).unwrap();
        assert_eq!(y[..5], [101.0, 1.0, 2.0, 100.0, 4.0]);
    }
    let beyond = run(nd, indices(&[0, 2, 0], &[1, 3]), updates(&[1, 4])).unwrap_err();
    assert_eq!(beyond.to_string(), r#"node "n" of type ScatterND: an index is 2; the axis has extent 2"#);
}

/// Indices that are computed too: updates of one element are added up.
#[test]
fn scatters_by_computed_indices() {
    let add = AttributeProto {
        name: "reduction".into(),
        s: b"add".to_vec(),
        r#type: attribute_type::STRING,
        ..AttributeProto::default()
    };
    let scatter = with(with(node("ScatterElements", &["d", "at", "x"], &["y"]), int("axis", 3)), add);
    let mut model = of_node(18, with(node("Cast", &["x"], &["at"]), int("to", data_type::INT64.into())));
    let graph = model.graph.as_mut().unwrap();
    graph.node.push(scatter);
    graph.initializer.push(tensor("d", &[1, 2, 3, 4], &[5.0; 24]));
    let x: Vec<_> = (0..24).map(|x| (x % 2) as f32).collect();
    let x = Tensor::upload(gpu(), [1, 2, 3, 4], &x).unwrap();
    let mut recorder = Recorder::new(gpu());
    let plan = plan(&model).unwrap();
    let outputs = plan.forward(&mut recorder, &[("x", &x)]).unwrap();
    recorder.submit().unwrap();
    assert_eq!(outputs[0].1.download_blocking::<f32>().unwrap(), [5.0, 7.0, 5.0, 5.0].repeat(6));
}

/// Numbers beyond those that `f32` holds.
#[test]
fn integers_are_clipped_exactly() {
    let many = 1 << 24;
    let to = |name, input, output, to: i32| with(node(name, &[input], &[output]), int("to", to.into()));
    let nodes = [
        to("Cast", "x", "whole", data_type::INT64),
        node("Add", &["whole", "many"], &["far"]),
        node("Clip", &["far", "least", "most"], &["clipped"]),
        node("Sub", &["clipped", "many"], &["near"]),
        to("Cast", "near", "y", data_type::FLOAT),
    ];
    let mut model = of_node(18, nodes[0].clone());
    let graph = model.graph.as_mut().unwrap();
    graph.node.extend(nodes[1..].iter().cloned());
    for (name, number) in [("many", many), ("least", many + 3), ("most", many + 9)] {
        graph.initializer.push(TensorProto { dims: Vec::new(), ..ints(name, &[number]) });
    }
    let x: Vec<_> = (0..24).map(|x| x as f32).collect();
    let x = Tensor::upload(gpu(), [1, 2, 3, 4], &x).unwrap();
    let mut recorder = Recorder::new(gpu());
    let plan = plan(&model).unwrap();
    let outputs = plan.forward(&mut recorder, &[("x", &x)]).unwrap();
    recorder.submit().unwrap();
    let expected: Vec<_> = (0..24).map(|x| x.clamp(3, 9) as f32).collect();
    assert_eq!(outputs[0].1.download_blocking::<f32>().unwrap(), expected);
}

/// One element of the host may stand for more than there is room for: what would write them out is refused.
#[test]
fn few_elements_that_stand_for_many_are_not_written_out() {
    let value = AttributeProto {
        name: "value".into(),
        t: Some(ints("", &[1])),
        r#type: attribute_type::TENSOR,
        ..AttributeProto::default()
    };
    let many = with(node("ConstantOfShape", &["many"], &["c"]), value);
    let apart = node("Expand", &["sizes2", "wide"], &["c"]);
    let flat = node("Reshape", &["c", "many"], &["f"]);
    let table: [(&NodeProto, Vec<NodeProto>, &str); 3] = [
        (
            &many,
            vec![node("Reshape", &["x", "c"], &["y"])],
            "of type Reshape: shape has 2147483648 elements; 16777216 are possible",
        ),
        (
            &many,
            vec![node("NonZero", &["c"], &["y"])],
            "of type NonZero: it makes 2147483648 elements on the host; 67108864 are possible in all of a model",
        ),
        (
            &apart,
            vec![flat, node("Size", &["f"], &["y"])],
            "of type Reshape: it copies 2147483648 elements on the host; 16777216 are possible",
        ),
    ];
    for (first, rest, message) in table {
        let mut model = of_node(19, first.clone());
        let graph = model.graph.as_mut().unwrap();
        graph.node.extend(rest);
        graph.initializer.extend([ints("many", &[1 << 31]), ints("wide", &[2, 1 << 30])]);
        graph.initializer.push(TensorProto { dims: vec![2, 1], ..ints("sizes2", &[3, 4]) });
        let refused = plan(&model).unwrap_err().to_string();
        assert!(refused.ends_with(message), "{refused}");
    }
}
