using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace LlmProxy.Cli;

/// <summary>
/// Runs a command in the background: a second process of this program, in a session of its own, with nothing of this
/// terminal, whose number is in a file and whose log goes to another.
/// </summary>
internal static partial class Detachment
{
    private const string PidVariable = "LLM_PROXY_PID_FILE_OF_DETACHED";

    private const string LogVariable = "LLM_PROXY_LOG_FILE_OF_DETACHED";

    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    private const int SigTerm = 15;
    private const int Nothing = 0;

    /// <summary>Starts it and returns its number once it works.</summary>
    /// <param name="arguments">Its command line, which anybody on this machine may read.</param>
    /// <param name="environment">What it has beside the environment of this process.</param>
    /// <param name="pidFile">Its number stands there.</param>
    /// <param name="logFile">What it says goes there.</param>
    /// <param name="stop">Ends the wait.</param>
    /// <exception cref="CommandFailure">One runs already, or it ended at once: with what it said.</exception>
    public static async Task<int> StartAsync(
        IEnumerable<string> arguments, IReadOnlyDictionary<string, string> environment, string pidFile, string logFile,
        CancellationToken stop)
    {
        if (RunningOf(pidFile) is { } running)
        {
            throw CommandFailure.Usage($"It runs already, as process {running} ({pidFile}).");
        }

        File.Delete(pidFile);
        var start = new ProcessStartInfo(Environment.ProcessPath!, arguments)
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        start.Environment[PidVariable] = Path.GetFullPath(pidFile);
        start.Environment[LogVariable] = Path.GetFullPath(logFile);
        using var process = Process.Start(start)!;
        var said = process.StandardError.ReadToEndAsync(stop);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
        patience.CancelAfter(StartPatience);
        while (RunningOf(pidFile) != process.Id)
        {
            if (process.HasExited)
            {
                throw CommandFailure.Usage((await said).TrimEnd());
            }

            await Task.Delay(Pause, patience.Token);
        }

        return process.Id;
    }

    /// <summary>
    /// In the second process, first of all: from here on it is on its own. Null in any other. What goes wrong before it
    /// works is still said to who has started it.
    /// </summary>
    public static DetachedFiles? Leave()
    {
        if (Environment.GetEnvironmentVariable(PidVariable) is not { Length: > 0 } pidFile
            || Environment.GetEnvironmentVariable(LogVariable) is not { Length: > 0 } log)
        {
            return null;
        }

        // They are no settings.
        Environment.SetEnvironmentVariable(PidVariable, null);
        Environment.SetEnvironmentVariable(LogVariable, null);
        _ = SetSession();
        return new DetachedFiles(pidFile, log);
    }

    private static void Redirect(string log)
    {
        const int readOnly = 0;
        const int appendAndCreate = 0x441; // O_WRONLY | O_CREAT | O_APPEND
        const int ownerOnly = 0x180; // 0600
        var nothing = Open("/dev/null", readOnly, Nothing);
        var file = Open(log, appendAndCreate, ownerOnly);
        _ = Duplicate(nothing, 0);
        _ = Duplicate(file < 0 ? nothing : file, 1);
        _ = Duplicate(file < 0 ? nothing : file, 2);
    }

    /// <summary>Once it works: whoever has started it may go.</summary>
    /// <param name="pidFile">Gets the number of this process; null for none.</param>
    /// <param name="log">
    /// Gets what is printed from now on; null when that goes where it went before. The log of the program is a setting.
    /// </param>
    public static void SayItWorks(string? pidFile, string? log)
    {
        if (log is not null)
        {
            Redirect(log);
        }

        if (pidFile is not { Length: > 0 })
        {
            return;
        }

        // A reader never sees half a number.
        var temporary = pidFile + ".new";
#pragma warning disable MA0045 // A few bytes, once, in a process that does nothing else yet.
        File.WriteAllText(temporary, Environment.ProcessId.ToString(CultureInfo.InvariantCulture) + "\n");
#pragma warning restore MA0045
        File.Move(temporary, pidFile, overwrite: true);
    }

    /// <summary>At its end: removes the file, if it still names this process.</summary>
    public static void SayItEnds(string? pidFile)
    {
        if (pidFile is { Length: > 0 } && NumberIn(pidFile) == Environment.ProcessId)
        {
            File.Delete(pidFile);
        }
    }

    /// <summary>Asks the process to end and waits for it.</summary>
    /// <exception cref="CommandFailure">None runs, or it does not end.</exception>
    public static async Task<int> StopAsync(string pidFile, CancellationToken stop)
    {
        if (RunningOf(pidFile) is not { } process)
        {
            throw new CommandFailure(ExitCode.Refused, $"None runs: {pidFile} names no running process.");
        }

        _ = Send(process, SigTerm);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
        patience.CancelAfter(StopPatience);
        try
        {
            // Not until its file is gone, which it removes itself: until it is.
            while (Send(process, Nothing) == 0 && IsOurs(process))
            {
                await Task.Delay(Pause, patience.Token);
            }
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            throw new CommandFailure(ExitCode.Network, $"Process {process} was asked to end, and has not ended yet.");
        }

        return process;
    }

    /// <summary>The process that the file names, if it runs.</summary>
    private static int? RunningOf(string pidFile) =>
        NumberIn(pidFile) is { } process && Send(process, Nothing) == 0 && IsOurs(process) ? process : null;

    private static int? NumberIn(string pidFile)
    {
        try
        {
#pragma warning disable MA0045 // A few bytes.
            return int.TryParse(
                File.ReadAllText(pidFile).AsSpan().Trim(), NumberStyles.None, CultureInfo.InvariantCulture,
                out var process) && process > 1
                ? process
                : null;
#pragma warning restore MA0045
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Numbers are given anew: the one in an old file may be anybody's by now.</summary>
    private static bool IsOurs(int process)
    {
        try
        {
            return Path.GetFileName(File.ResolveLinkTarget($"/proc/{process}/exe", returnFinalTarget: false)?.FullName)
                == Path.GetFileName(Environment.ProcessPath);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    [LibraryImport("libc", EntryPoint = "setsid")]
    private static partial int SetSession();

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags, int mode);

    [LibraryImport("libc", EntryPoint = "dup2")]
    private static partial int Duplicate(int from, int to);

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Send(int process, int signal);
}

/// <summary>Where a process in the background says what.</summary>
/// <param name="Pid">Its number.</param>
/// <param name="Log">Everything else.</param>
internal sealed record DetachedFiles(string Pid, string Log);
