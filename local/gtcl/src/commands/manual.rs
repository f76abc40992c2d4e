//! `gtcl completions` and `gtcl man`: what the program says of itself, for shells and for man.

use clap::Command;
use clap_complete::Shell;

use crate::error::CommandError;
use crate::output::stdout;

/// Prints a shell's completions.
pub(crate) fn completions(mut gtcl: Command, shell: Shell) {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut gtcl, "gtcl", &mut script);
    stdout::write(|out| out.write_all(&script));
}

/// Prints the manual page of the program, or of the command that is named.
///
/// # Errors
///
/// Fails when there is no such command.
pub(crate) fn page(mut gtcl: Command, of: Option<&str>) -> Result<u8, CommandError> {
    gtcl.build();
    let found = match of {
        None => Some(&gtcl),
        Some(name) => gtcl.find_subcommand(name),
    };
    let command = found.ok_or_else(|| {
        CommandError::new(format!("there is no command {}", of.unwrap_or_default()))
            .with_help("gtcl --help lists them")
    })?;
    let name = command.get_display_name().unwrap_or("gtcl").to_owned();
    let page = clap_mangen::Man::new(command.clone()).title(name);
    stdout::write(|out| page.render(out));
    Ok(0)
}
