//! `limits` measures every case and says so in JSON.

use std::process::Command;

#[test]
fn limits_are_measured_and_written() {
    let json = std::env::temp_dir().join(format!("hillfort-limits-{}.json", std::process::id()));
    let output = Command::new(env!("CARGO_BIN_EXE_hillfort-load"))
        .args(["limits", "--seconds", "0.2", "--rounds", "1", "--json"])
        .arg(&json)
        .output()
        .expect("the load tool starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let written = std::fs::read(&json).expect("the JSON file is there");
    std::fs::remove_file(&json).expect("the JSON file is ours");
    let limits: serde_json::Value = serde_json::from_slice(&written).expect("it is JSON");
    for case in ["echo_pipeline_1", "echo_pipeline_16", "accept_reset", "datagrams"] {
        for unit in ["per_second", "per_cpu_second"] {
            let figure = limits[case][unit].as_f64().unwrap_or(0.0);
            assert!(figure > 100.0, "{case}.{unit} = {figure}");
        }
    }
    let table = String::from_utf8_lossy(&output.stdout);
    assert!(table.contains("accept and reset"), "{table}");
}

#[test]
fn a_measurement_of_no_time_or_too_much_is_refused() {
    for seconds in ["0", "-1", "61", "soon"] {
        let output = Command::new(env!("CARGO_BIN_EXE_hillfort-load")).args(["limits", "--seconds", seconds]).output();
        assert!(!output.expect("the load tool starts").status.success(), "{seconds}");
    }
}
