namespace LlmProxy.Settings;

/// <summary>
/// Why the program does not start: one or more sentences, one a line, each naming the setting or the file and what to
/// do. Thrown at start only; the command line prints it and ends with exit code 1.
/// </summary>
internal sealed class StartFailure(string message) : Exception(message);
