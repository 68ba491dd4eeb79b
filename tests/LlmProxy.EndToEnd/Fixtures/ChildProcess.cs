using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace LlmProxy.EndToEnd.Fixtures;

/// <summary>A program that runs beside the tests: what it says is kept, and it never outlives its test.</summary>
internal sealed class ChildProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly Transcript _output;
    private readonly Transcript _errors;

    private ChildProcess(Process process)
    {
        _process = process;
        _output = new Transcript(process.StandardOutput);
        _errors = new Transcript(process.StandardError);
    }

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    /// <summary>What it has written to standard output so far.</summary>
    public string Output => _output.Text;

    /// <summary>What it has written to standard error so far.</summary>
    public string Errors => _errors.Text;

    public static ChildProcess Start(
        string fileName,
        string folder,
        IEnumerable<(string Name, string Value)> environment,
        params IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(fileName, arguments)
        {
            WorkingDirectory = folder,
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };

        // What this shell happens to have set must not decide a test.
        start.Environment.Clear();
        start.Environment["PATH"] = Environment.GetEnvironmentVariable("PATH");
        start.Environment["HOME"] = folder;
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        return new ChildProcess(Process.Start(start)!);
    }

    /// <summary>Types the text and ends the input.</summary>
    public async Task TypeAsync(string text)
    {
        try
        {
            await _process.StandardInput.WriteAsync(text);
            _process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It ended without reading what was typed; how it ended is for the test to judge.
        }
    }

    /// <summary>Types the text and leaves the input open.</summary>
    public async Task TypeOnAsync(string text)
    {
        await _process.StandardInput.WriteAsync(text);
        await _process.StandardInput.FlushAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>Waits for the end.</summary>
    public async Task<CommandResult> EndAsync(TimeSpan? within = null)
    {
        try
        {
            await _process.WaitForExitAsync(TestContext.Current.CancellationToken)
                .WaitAsync(within ?? Eventually.Patience, TestContext.Current.CancellationToken);
        }
        catch (TimeoutException tooLong)
        {
            throw new TimeoutException($"It still runs. Output:\n{Output}\nErrors:\n{Errors}", tooLong);
        }

        await _output.Complete;
        await _errors.Complete;
        return new CommandResult(_process.ExitCode, Output, Errors);
    }

    /// <summary>SIGTERM, as a service supervisor sends it.</summary>
    public Task TerminateAsync() => SignalAsync("TERM");

    /// <summary>Ctrl+C.</summary>
    public Task InterruptAsync() => SignalAsync("INT");

    /// <summary>SIGKILL: it gets no chance to tidy up.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync(TestContext.Current.CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync(CancellationToken.None);
        }

        _process.Dispose();
    }

    private async Task SignalAsync(string name)
    {
        var id = _process.Id.ToString(CultureInfo.InvariantCulture);
        using var kill = Process.Start("sh", ["-c", $"kill -{name} {id}"]);
        await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>Collects a stream as it comes; readable at any time.</summary>
    private sealed class Transcript
    {
        private readonly StringBuilder _text = new();

        public Transcript(StreamReader source) => Complete = CollectAsync(source);

        public Task Complete { get; }

        public string Text
        {
            get
            {
                lock (_text)
                {
                    return _text.ToString();
                }
            }
        }

        private async Task CollectAsync(StreamReader source)
        {
            var buffer = new char[4096];
            while (await source.ReadAsync(buffer) is var read and > 0)
            {
                lock (_text)
                {
                    _text.Append(buffer, 0, read);
                }
            }
        }
    }
}
