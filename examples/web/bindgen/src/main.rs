//! `pliant-web-bindgen PROGRAM.wasm FOLDER`: writes the program, and the JavaScript by which a page calls it, into a folder.

use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [program, folder] = &arguments[..] else { return Err("PROGRAM.wasm and FOLDER are needed".into()) };
    Bindgen::new().input_path(program).web(true)?.typescript(false).remove_name_section(true).generate(folder)?;
    Ok(())
}
