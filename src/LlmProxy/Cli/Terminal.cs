using System.Globalization;
using System.Text;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace LlmProxy.Cli;

/// <summary>
/// The only place that talks to the console. Results go to <see cref="Output"/>, everything else to
/// <see cref="Errors"/>, so that a pipe carries results only.
/// </summary>
internal sealed class Terminal(TextReader input, TextWriter output, TextWriter errors)
{
    private static readonly TimeSpan BarPace = TimeSpan.FromMilliseconds(100);

    public TextWriter Output => output;

    public TextWriter Errors => errors;

    /// <summary>A person types, so there is somebody to ask.</summary>
    public bool InputIsTerminal { get; init; }

    public bool OutputIsTerminal { get; init; }

    /// <summary>The cursor can be moved.</summary>
    public bool IsAnsi { get; init; }

    /// <summary>Somebody reads standard error on a screen where the cursor can be moved.</summary>
    public bool ErrorsAreAnsi { get; init; }

    /// <summary>Colours and bold letters are understood and wanted.</summary>
    public bool HasColour { get; init; }

    /// <summary>Reads a key without showing it; null where there are no keys, only lines.</summary>
    public Func<KeyPress>? ReadKey { get; init; }

    public Func<int> Width { get; init; } = static () => 80;

#pragma warning disable RS0030 // The one class that may.
    public static Terminal OfProcess()
    {
        var isDumb = Environment.GetEnvironmentVariable("TERM") is null or "" or "dumb";
        var noColour = Environment.GetEnvironmentVariable("NO_COLOR") is { Length: > 0 };
        return new Terminal(Console.In, Console.Out, Console.Error)
        {
            InputIsTerminal = !Console.IsInputRedirected,
            OutputIsTerminal = !Console.IsOutputRedirected,
            IsAnsi = !Console.IsOutputRedirected && !isDumb,
            ErrorsAreAnsi = !Console.IsErrorRedirected && !isDumb,
            HasColour = !Console.IsOutputRedirected && !isDumb && !noColour,
            ReadKey = Console.IsInputRedirected ? null : ReadConsoleKey,
            Width = static () => Console.WindowWidth > 0 ? Console.WindowWidth : 80,
        };
    }

    private static KeyPress ReadConsoleKey()
    {
        // While a key is awaited, Ctrl-C is a key as well: what it means depends on what has been typed.
        Console.TreatControlCAsInput = true;
        try
        {
            return Read(Console.ReadKey(intercept: true));
        }
        finally
        {
            Console.TreatControlCAsInput = false;
        }
    }
#pragma warning restore RS0030

    private static KeyPress Read(ConsoleKeyInfo pressed) => pressed switch
    {
        { Modifiers: var modifiers } when modifiers.HasFlag(ConsoleModifiers.Control) =>
            new(ReadWithControl(pressed.Key)),
        { Key: ConsoleKey.Enter } => new(Key.Enter),
        { Key: ConsoleKey.LeftArrow } => new(Key.Left),
        { Key: ConsoleKey.RightArrow } => new(Key.Right),
        { Key: ConsoleKey.Home } => new(Key.Home),
        { Key: ConsoleKey.End } => new(Key.End),
        { Key: ConsoleKey.UpArrow } => new(Key.Up),
        { Key: ConsoleKey.DownArrow } => new(Key.Down),
        { Key: ConsoleKey.Backspace } => new(Key.Backspace),
        { Key: ConsoleKey.Delete } => new(Key.Delete),
        _ when !char.IsControl(pressed.KeyChar) => new(Key.Character, pressed.KeyChar),
        _ => default,
    };

    private static Key ReadWithControl(ConsoleKey key) => key switch
    {
        ConsoleKey.A => Key.Home,
        ConsoleKey.B => Key.Left,
        ConsoleKey.C => Key.Interrupt,
        ConsoleKey.D => Key.EndOfInput,
        ConsoleKey.E => Key.End,
        ConsoleKey.F => Key.Right,
        ConsoleKey.K => Key.DeleteToEnd,
        ConsoleKey.L => Key.ClearScreen,
        ConsoleKey.N => Key.Down,
        ConsoleKey.P => Key.Up,
        ConsoleKey.U => Key.DeleteToStart,
        ConsoleKey.W => Key.DeleteWord,
        _ => Key.None,
    };

#pragma warning disable MA0045 // A console is written to synchronously at heart, and a command has nothing else to do.
    /// <summary>A line of the result.</summary>
    public void Print(string line) => output.WriteLine(Visible(line));

    /// <summary>A line for the person, beside the result.</summary>
    public void Note(string line) => errors.WriteLine(Visible(line));

    /// <summary>A piece of a result that is still coming in; seen at once.</summary>
    public void Stream(string text)
    {
        output.Write(Visible(text));
        output.Flush();
    }

    /// <summary>
    /// A table or the like, as part of the result. Nothing in it is cut: it is as wide as it wants to be, and a
    /// terminal that is too narrow wraps. In a pipe it has no colours.
    /// </summary>
    public void Print(IRenderable picture)
    {
        var text = new StringWriter(CultureInfo.InvariantCulture);
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = HasColour ? AnsiSupport.Yes : AnsiSupport.No,
            ColorSystem = HasColour ? ColorSystemSupport.Standard : ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
            Out = new AnsiConsoleOutput(text),
        });
        console.Profile.Width = short.MaxValue;
        console.Profile.Capabilities.Unicode = OutputIsTerminal;
        console.Write(picture);
        foreach (var line in text.ToString().AsSpan().TrimEnd('\n').EnumerateLines())
        {
            output.WriteLine(line.TrimEnd());
        }
    }

    /// <summary>
    /// Waits for <paramref name="work"/>. Where somebody sees it, a bar on standard error shows how far it is, and is
    /// gone in the end.
    /// </summary>
    /// <param name="work">What is waited for; how it ends is for the caller to see.</param>
    /// <param name="look">How much of it is done, from 0 to 1, and a line about it.</param>
    public async Task WatchAsync(Task work, Func<(double Share, string Text)> look)
    {
        if (!ErrorsAreAnsi)
        {
            await Task.WhenAny(work);
            return;
        }

        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.Yes,
            ColorSystem = HasColour ? ColorSystemSupport.Standard : ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.Yes,
            Out = new AnsiConsoleOutput(errors),
        });
        console.Profile.Width = Width();
        await console.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new SpinnerColumn())
            .StartAsync(async progress =>
            {
                var bar = progress.AddTask(Markup.Escape(Visible(look().Text)));
                while (!work.IsCompleted)
                {
                    var (share, text) = look();
                    (bar.Value, bar.Description) = (100 * share, Markup.Escape(Visible(text)));
                    await Task.WhenAny(work, Task.Delay(BarPace, TimeProvider.System, CancellationToken.None));
                }
            });
    }

    /// <summary>Steers the terminal; never with text of other people.</summary>
    public void Draw(string sequence)
    {
        output.Write(sequence);
        output.Flush();
    }
#pragma warning restore MA0045

    /// <summary>The next line, or null at the end of the input.</summary>
    public async Task<string?> ReadLineAsync(CancellationToken stop)
    {
        // A console cannot be read asynchronously; the thread that waits for it ends with the process.
        var line = await Task.Run(input.ReadLine, CancellationToken.None).WaitAsync(stop);
        return line?.TrimEnd('\r');
    }

    /// <summary>All of the input; null when it has more characters than <paramref name="max"/>.</summary>
    public Task<string?> ReadAllAsync(int max, CancellationToken stop) => ReadAllAsync(input, max, stop);

    /// <summary>All that a reader holds; null when that is more characters than <paramref name="max"/>.</summary>
    public static async Task<string?> ReadAllAsync(TextReader reader, int max, CancellationToken stop)
    {
        var buffer = new char[max + 1];

        // A console cannot be read asynchronously; the thread that waits for it ends with the process.
        var length = await Task.Run(() => reader.ReadBlock(buffer), CancellationToken.None).WaitAsync(stop);
        return length <= max ? new string(buffer, 0, length) : null;
    }

    /// <summary>Asks a person; an empty answer, and the end of the input, is <paramref name="byDefault"/>.</summary>
    public async Task<string> AskAsync(string question, string byDefault, CancellationToken stop)
    {
        await errors.WriteAsync($"{question} [{Visible(byDefault)}]: ".AsMemory(), stop);
        var answer = (await ReadLineAsync(stop))?.Trim();
        return string.IsNullOrEmpty(answer) ? byDefault : answer;
    }

    public async Task<bool> ConfirmAsync(string question, bool byDefault, CancellationToken stop)
    {
        while (true)
        {
            await errors.WriteAsync($"{Visible(question)} [{(byDefault ? "Y/n" : "y/N")}]: ".AsMemory(), stop);
            switch ((await ReadLineAsync(stop))?.Trim().ToLowerInvariant())
            {
                case null or "":
                    return byDefault;
                case "y" or "yes":
                    return true;
                case "n" or "no":
                    return false;
            }
        }
    }

    /// <summary>Asks for what must not be seen: nothing is echoed.</summary>
    public async Task<string> AskSecretAsync(string question, CancellationToken stop)
    {
        await errors.WriteAsync($"{question} (not shown): ".AsMemory(), stop);
        try
        {
            var secret = ReadKey is { } readKey
                ? await Task.Run(() => ReadHidden(readKey), CancellationToken.None).WaitAsync(stop)
                : await ReadLineAsync(stop);
            return secret?.Trim() ?? string.Empty;
        }
        finally
        {
            // The line ends on the screen as well, which Enter does not do when nothing is echoed.
            await errors.WriteLineAsync();
        }
    }

    /// <summary>
    /// The text without characters that steer a terminal: names and answers come from other people, and an escape
    /// sequence in one of them must not move the cursor or set the title.
    /// </summary>
    public static string Visible(string text)
    {
        return text.Any(Steers) ? string.Concat(text.Where(static character => !Steers(character))) : text;

        static bool Steers(char character) => char.IsControl(character) && character is not ('\n' or '\t');
    }

    private static string ReadHidden(Func<KeyPress> readKey)
    {
        var typed = new StringBuilder();
        while (true)
        {
            var key = readKey();
            switch (key)
            {
                case { Key: Key.Enter }:
                    return typed.ToString();
                case { Key: Key.Interrupt or Key.EndOfInput }:
                    throw new CommandFailure(ExitCode.Interrupted, "Interrupted.");
                case { Key: Key.Backspace } when typed.Length > 0:
                    typed.Length--;
                    break;
                case { Key: Key.Character }:
                    typed.Append(key.Character);
                    break;
            }
        }
    }
}
