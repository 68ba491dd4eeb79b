using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace LlmProxy.Cli;

/// <summary>Reads what a person is shown out of an answer of the API.</summary>
internal static class ApiView
{
    public static T Of<T>(JsonElement answer, JsonTypeInfo<T> form)
    {
        try
        {
            return answer.Deserialize(form) ?? throw new JsonException();
        }
        catch (JsonException)
        {
            throw new CommandFailure(
                ExitCode.Network, "The server's answer is not understood. Is it an llm-proxy of the same version?");
        }
    }
}
