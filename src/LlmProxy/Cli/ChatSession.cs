namespace LlmProxy.Cli;

/// <summary>
/// A conversation: each line is a message that is sent with all that was said before. What failed was not said: it is
/// taken back, so that it can be tried again.
/// </summary>
internal sealed class ChatSession
{
    private readonly ChatClient _client;
    private readonly Terminal _terminal;
    private readonly StopSignal _signal;
    private readonly LineEditor? _editor;
    private readonly List<ChatMessage> _said = [];

    public ChatSession(ChatClient client, Terminal terminal, StopSignal signal, string? system)
    {
        _client = client;
        _terminal = terminal;
        _signal = signal;
        _editor = terminal is { ReadKey: not null, IsAnsi: true } ? new LineEditor(terminal, "> ") : null;
        if (system is not null)
        {
            _said.Add(new ChatMessage("system", system));
        }
    }

    /// <summary>Sends <paramref name="message"/> and ends; without one, goes on line by line.</summary>
    public async Task<int> RunAsync(string? message, CancellationToken stop)
    {
        if (message is not null)
        {
            await SayAsync(message, stop);
            return ExitCode.Ok;
        }

        if (_terminal.InputIsTerminal)
        {
            _terminal.Note("Type a message. 'exit' ends the chat, Ctrl-C stops an answer.");
        }

        while (await ReadLineAsync(stop) is { } line)
        {
            switch (line.Trim())
            {
                case "":
                    continue;
                case "exit" or "quit":
                    return ExitCode.Ok;
                case var text when _terminal.InputIsTerminal:
                    await TryToSayAsync(text, stop);
                    break;
                case var text:
                    // Nobody reads along in a pipe: the first failure ends it, with its exit code.
                    await SayAsync(text, stop);
                    break;
            }
        }

        return ExitCode.Ok;
    }

    private async Task<string?> ReadLineAsync(CancellationToken stop)
    {
        try
        {
            if (_editor is not null)
            {
                return await _editor.ReadLineAsync(stop);
            }

            if (_terminal.InputIsTerminal)
            {
                await _terminal.Errors.WriteAsync("> ".AsMemory(), stop);
            }

            return await _terminal.ReadLineAsync(stop);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Between two messages, Ctrl-C is a way to leave.
            return null;
        }
    }

    private async Task TryToSayAsync(string text, CancellationToken stop)
    {
        using var turn = _signal.Begin();
        try
        {
            await SayAsync(text, turn.Token);
        }
        catch (CommandFailure failure)
        {
            _terminal.Note(failure.Message);
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            _terminal.Note("(stopped)");
        }
    }

    private async Task SayAsync(string text, CancellationToken stop)
    {
        _said.Add(new ChatMessage("user", text));
        var isAnswered = false;
        var endsOpen = false;
        try
        {
            var reply = await _client.AskAsync(
                _said,
                piece =>
                {
                    _terminal.Stream(piece);
                    endsOpen = piece.Length > 0 ? !piece.EndsWith('\n') : endsOpen;
                },
                stop);
            _said.Add(new ChatMessage("assistant", reply.Text));
            isAnswered = true;
            FinishLine();
            if (reply.FinishReason is "length" or "content_filter")
            {
                _terminal.Note($"(the answer ended early: {reply.FinishReason})");
            }
        }
        finally
        {
            if (!isAnswered)
            {
                _said.RemoveAt(_said.Count - 1);
                FinishLine();
            }
        }

        void FinishLine()
        {
            if (endsOpen)
            {
                _terminal.Stream("\n");
                endsOpen = false;
            }
        }
    }
}
