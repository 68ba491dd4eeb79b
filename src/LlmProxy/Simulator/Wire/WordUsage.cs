using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace LlmProxy.Simulator.Wire;

/// <summary>The words that went in and came out, as each API reports them.</summary>
/// <param name="Input">All of the prompt, also what was cached.</param>
/// <param name="Output">All of the answer, also what was only thought.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct WordUsage(long Input, long Output)
{
    private const long Huge = 9_000_000_000_000_000_000;

    public long Cached { get; init; }

    public long Reasoning { get; init; }

    public long AudioIn { get; init; }

    public long AudioOut { get; init; }

    public UsageForm Form { get; init; }

    /// <summary>Whether the numbers are told in a way that one can count with.</summary>
    public bool IsReadable => Form is not (
        UsageForm.None or UsageForm.Negative or UsageForm.Huge or UsageForm.Fraction or UsageForm.Text);

    public void WriteForChat(Utf8JsonWriter json) => Write(json, static (json, usage) =>
    {
        usage.WriteNumber(json, "prompt_tokens"u8, usage.Input);
        usage.WriteNumber(json, "completion_tokens"u8, usage.Output);
        usage.WriteNumber(json, "total_tokens"u8, usage.Input + usage.Output);
        json.WriteStartObject("prompt_tokens_details"u8);
        usage.WriteNumber(json, "cached_tokens"u8, usage.Cached);
        usage.WriteNumber(json, "audio_tokens"u8, usage.AudioIn);
        json.WriteEndObject();
        json.WriteStartObject("completion_tokens_details"u8);
        usage.WriteNumber(json, "reasoning_tokens"u8, usage.Reasoning);
        usage.WriteNumber(json, "audio_tokens"u8, usage.AudioOut);
        json.WriteNumber("accepted_prediction_tokens"u8, 0);
        json.WriteNumber("rejected_prediction_tokens"u8, 0);
        json.WriteEndObject();
    });

    public void WriteForInputOnly(Utf8JsonWriter json) => Write(json, static (json, usage) =>
    {
        usage.WriteNumber(json, "prompt_tokens"u8, usage.Input);
        usage.WriteNumber(json, "total_tokens"u8, usage.Input);
    });

    public void WriteForResponses(Utf8JsonWriter json) => Write(json, static (json, usage) =>
    {
        usage.WriteNumber(json, "input_tokens"u8, usage.Input);
        json.WriteStartObject("input_tokens_details"u8);
        usage.WriteNumber(json, "cached_tokens"u8, usage.Cached);
        json.WriteEndObject();
        usage.WriteNumber(json, "output_tokens"u8, usage.Output);
        json.WriteStartObject("output_tokens_details"u8);
        usage.WriteNumber(json, "reasoning_tokens"u8, usage.Reasoning);
        json.WriteEndObject();
        usage.WriteNumber(json, "total_tokens"u8, usage.Input + usage.Output);
    });

    public void WriteForRealtime(Utf8JsonWriter json) => Write(json, static (json, usage) =>
    {
        usage.WriteNumber(json, "total_tokens"u8, usage.Input + usage.Output);
        usage.WriteNumber(json, "input_tokens"u8, usage.Input);
        usage.WriteNumber(json, "output_tokens"u8, usage.Output);
        json.WriteStartObject("input_token_details"u8);
        usage.WriteNumber(json, "text_tokens"u8, usage.Input - usage.AudioIn);
        usage.WriteNumber(json, "audio_tokens"u8, usage.AudioIn);
        json.WriteNumber("image_tokens"u8, 0);
        usage.WriteNumber(json, "cached_tokens"u8, usage.Cached);
        json.WriteEndObject();
        json.WriteStartObject("output_token_details"u8);
        usage.WriteNumber(json, "text_tokens"u8, usage.Output - usage.AudioOut);
        usage.WriteNumber(json, "audio_tokens"u8, usage.AudioOut);
        json.WriteEndObject();
    });

    public void WriteForTranscriptions(Utf8JsonWriter json) => Write(json, static (json, usage) =>
    {
        json.WriteString("type"u8, "tokens"u8);
        usage.WriteNumber(json, "input_tokens"u8, usage.Input);
        usage.WriteNumber(json, "output_tokens"u8, usage.Output);
        usage.WriteNumber(json, "total_tokens"u8, usage.Input + usage.Output);
    });

    /// <summary>Anthropic counts what was cached beside the input, and not in it.</summary>
    public void WriteForMessages(Utf8JsonWriter json) => Write(json, static (json, usage) =>
    {
        usage.WriteNumber(json, "input_tokens"u8, usage.Input - usage.Cached);
        json.WriteNumber("cache_creation_input_tokens"u8, 0);
        usage.WriteNumber(json, "cache_read_input_tokens"u8, usage.Cached);
        usage.WriteNumber(json, "output_tokens"u8, usage.Output);
    });

    public void WriteForEndOfMessage(Utf8JsonWriter json) => Write(json, static (json, usage) =>
        usage.WriteNumber(json, "output_tokens"u8, usage.Output));

    private void Write(Utf8JsonWriter json, Action<Utf8JsonWriter, WordUsage> writeMembers)
    {
        if (Form == UsageForm.None)
        {
            return;
        }

        if (Form == UsageForm.Twice)
        {
            json.WriteStartObject("usage"u8);
            writeMembers(json, new WordUsage(1, 1));
            json.WriteEndObject();
        }

        json.WriteStartObject("usage"u8);
        writeMembers(json, this);
        json.WriteEndObject();
    }

    private void WriteNumber(Utf8JsonWriter json, ReadOnlySpan<byte> name, long number)
    {
        switch (Form)
        {
            case UsageForm.Negative:
                json.WriteNumber(name, -1 - number);
                break;
            case UsageForm.Huge:
                json.WriteNumber(name, Huge);
                break;
            case UsageForm.Fraction:
                json.WriteNumber(name, number + 0.5m);
                break;
            case UsageForm.Text:
                json.WriteString(name, number.ToString(CultureInfo.InvariantCulture));
                break;
            default:
                json.WriteNumber(name, number);
                break;
        }
    }
}
