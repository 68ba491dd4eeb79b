using LlmProxy.Http;

namespace LlmProxy.Events.Assembly;

/// <summary>Puts the events of one API together to the object that its answer is without streaming.</summary>
internal interface IAnswerMerger : IDisposable
{
    /// <summary>The last event of the API has come; what comes after it is not the answer's.</summary>
    bool HasEnded { get; }

    /// <summary>An event has told of an error.</summary>
    bool HasError { get; }

    /// <summary>What the answer calls itself.</summary>
    string? Id { get; }

    /// <summary>Takes in one event.</summary>
    /// <exception cref="System.Text.Json.JsonException">It is no JSON.</exception>
    /// <exception cref="InvalidOperationException">A name in it is no text.</exception>
    void Merge(ReadOnlySpan<byte> json);

    /// <summary>Why the model stopped: one for each choice that says so.</summary>
    IReadOnlyList<string> ReadFinishReasons();

    /// <summary>Writes the object; nothing, when no event has said anything of it.</summary>
    void WriteTo(ref PooledBytes output);
}
