//! The exit code, nothing else.

fn main() -> std::process::ExitCode {
    assignctl::cli::main()
}
